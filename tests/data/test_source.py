from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.open import open_files
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError, PathError
from aurora_dash.spec import DataSpec, DemoSpec, Region, VariableSpec
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS, get_variant

SMALL = get_variant("small")


def _files(*paths: Path | str, **more: object) -> DataSpec:
    return DataSpec(source="files", paths=tuple(map(str, paths)), **more)  # type: ignore[arg-type]


def test_norway_is_cropped_from_61_to_60_and_it_is_said(norway_files: tuple[Path, Path]) -> None:
    opened = open_data(_files(*norway_files), SMALL)
    assert (opened.dataset.sizes["latitude"], opened.dataset.sizes["longitude"]) == (60, 60)
    whole = open_files(norway_files).dataset
    xr.testing.assert_equal(opened.dataset, whole.isel(latitude=slice(60), longitude=slice(60)))
    (finding,) = [f for f in opened.findings if f.code == "cropped"]
    assert "61 x 61" in finding.message
    assert "60 x 60" in finding.message
    assert "latitude 55 and longitude 20" in finding.message
    assert opened.files == norway_files


def test_the_folder_that_the_cds_filled_is_enough(era5_dir: Path) -> None:
    assert len(open_data(_files(era5_dir / "norway_era5"), SMALL).dataset.data_vars) == 12
    assert len(open_data(_files(era5_dir / "nor*" / "*.nc"), SMALL).dataset.data_vars) == 12


def test_period_levels_and_region_are_cut_before_the_crop(norway_files: tuple[Path, Path]) -> None:
    data = _files(
        *norway_files,
        start="2025-06-02",
        end="2025-06-03T12:00",
        levels=(850, 1000),
        region=Region(north=65, south=60, west=7, east=12),
    )
    dataset = open_data(data, SMALL).dataset
    assert dict(dataset.sizes) == {"time": 7, "level": 2, "latitude": 20, "longitude": 20}
    assert dataset["latitude"].values[[0, -1]].tolist() == [65, 60.25]
    assert dataset["longitude"].values[[0, -1]].tolist() == [7, 11.75]
    assert dataset["level"].values.tolist() == [850, 1000]


def test_a_region_across_greenwich_is_refused_with_both_remedies(iberia_tp_file: Path) -> None:
    with pytest.raises(DataError, match="across Greenwich: from -20 to 10") as error:
        open_data(_files(iberia_tp_file), SMALL)
    assert error.value.remedy.count('data.region={"north":50.0,"south":20.0') == 2


@pytest.mark.parametrize(
    ("west", "east", "ends"), [(-20, -0.25, (340, 359.75)), (0, 10, (0, 9.75))]
)
def test_each_remedy_works(
    iberia_tp_file: Path, west: float, east: float, ends: tuple[float, float]
) -> None:
    region = Region(north=50, south=20, west=west, east=east)
    opened = open_data(_files(iberia_tp_file, region=region), SMALL)
    assert tuple(opened.dataset["longitude"].values[[0, -1]].tolist()) == ends
    assert "crosses-greenwich" not in [finding.code for finding in opened.findings]


def test_a_box_across_greenwich_in_global_data_is_refused(small_file: Callable[..., Path]) -> None:
    path = small_file(longitude=np.arange(0, 360, 10.0))
    assert open_data(_files(path), SMALL).dataset.sizes["longitude"] == 36
    region = Region(north=3, south=0, west=-40, east=40)
    with pytest.raises(DataError, match="from -40 to 40") as error:
        open_data(_files(path, region=region), SMALL)
    assert '"west":-40.0,"east":-10.0' in error.value.remedy


def test_a_new_variable_is_found_under_its_source_name(iberia_tp_file: Path) -> None:
    rain = VariableSpec(name="rain", source_name="tp", unit="m")
    data = _files(iberia_tp_file, region=Region(north=50, south=20, west=0, east=10))
    opened = open_data(data, SMALL, (rain,))
    assert "surf_rain" in opened.dataset
    assert "unit-registered" not in [finding.code for finding in opened.findings]


def test_a_new_variable_is_found_under_an_alias_of_the_table(
    small_file: Callable[..., Path],
) -> None:
    path = small_file(
        change=lambda d: d.assign(total_precipitation=d["t2m"].assign_attrs(units="m"))
    )
    opened = open_data(_files(path), SMALL, (VariableSpec(name="tp", unit="m"),))
    assert opened.dataset["surf_tp"].attrs["source_name"] == "total_precipitation"


def test_a_new_variable_in_another_unit_is_pointed_out(iberia_tp_file: Path) -> None:
    data = _files(iberia_tp_file, region=Region(north=50, south=20, west=0, east=10))
    opened = open_data(data, SMALL, (VariableSpec(name="tp", unit="mm"),))
    (finding,) = [f for f in opened.findings if f.code == "unit-registered"]
    assert finding.variable == "surf_tp"
    assert "'mm'" in finding.message
    assert "'m'" in finding.message


def test_only_what_the_model_needs_decides_about_the_times(
    norway_files: tuple[Path, Path], small_file: Callable[..., Path], rewrite: Callable[..., Path]
) -> None:
    short = rewrite(
        norway_files[1],
        lambda d: d[["t2m"]].rename(t2m="skt").isel(valid_time=slice(0, 3)),
        "short.nc",
    )
    assert open_data(_files(*norway_files, short), SMALL).dataset.sizes["time"] == 20
    skin = VariableSpec(name="skt", unit="K")
    assert open_data(_files(*norway_files, short), SMALL, (skin,)).dataset.sizes["time"] == 3


def test_wind_over_waves_is_split_as_the_model_splits_it(small_file: Callable[..., Path]) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        speed = xr.full_like(dataset["t2m"], 10).assign_attrs(units="m s**-1")
        direction = xr.full_like(dataset["t2m"], 270).assign_attrs(units="Degree true")
        direction[0] = 0
        return dataset.assign(wind=speed, dwi=direction)

    dataset = open_data(_files(small_file(change=change)), get_variant("0.25-wave")).dataset
    # From the west: eastwards. From the north: southwards.
    np.testing.assert_allclose(dataset["surf_10u_wave"].values[1], 10, atol=1e-5)
    np.testing.assert_allclose(dataset["surf_10v_wave"].values[1], 0, atol=1e-5)
    np.testing.assert_allclose(dataset["surf_10v_wave"].values[0], -10, atol=1e-5)
    assert dataset["surf_10u_wave"].dtype == np.float32
    assert dataset["surf_10u_wave"].chunks is not None


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_the_demo_is_ready_for_every_variant(variant: object) -> None:
    opened = open_data(DataSpec(), variant)  # type: ignore[arg-type]
    patch = variant.patch_size  # type: ignore[attr-defined]
    assert opened.dataset.sizes["latitude"] % patch == 0
    assert opened.dataset.sizes["longitude"] % patch == 0
    assert "synthetic" in [finding.code for finding in opened.findings]


def test_a_new_variable_can_be_taken_from_the_demo() -> None:
    new = VariableSpec(name="vapour", source_name="tcwv", unit="kg m-2")
    up = VariableSpec(name="lift", source_name="w", group=Group.ATMOSPHERIC, unit="Pa s-1")
    dataset = open_data(DataSpec(demo=DemoSpec(num_times=6)), SMALL, (new, up)).dataset
    np.testing.assert_array_equal(dataset["surf_vapour"].values, dataset["surf_tcwv"].values)
    assert dataset["atmos_lift"].dims == ("time", "level", "latitude", "longitude")


def test_nothing_outside_the_roots_is_opened(
    norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(PathError, match="outside"):
        open_data(_files(*norway_files), SMALL, roots=[tmp_path])
    opened = open_data(_files(*norway_files), SMALL, roots=[norway_files[0].parent])
    assert len(opened.files) == 2


def test_an_empty_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PathError, match=str(tmp_path)):
        open_data(_files(tmp_path), SMALL)
