from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.findings import Finding
from aurora_dash.data.open import OpenedData, open_files
from aurora_dash.errors import DataError
from aurora_dash.variables import Group

SmallFile = Callable[..., Path]


def _finding(opened: OpenedData, code: str) -> Finding:
    return next(finding for finding in opened.findings if finding.code == code)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("2m_temperature", "surf_2t"),
        ("t2m", "surf_2t"),
        ("2t", "surf_2t"),
        ("surf_2t", "surf_2t"),
        ("mean_sea_level_pressure", "surf_msl"),
    ],
)
def test_variables_are_known_under_all_their_names(
    small_file: SmallFile, name: str, key: str
) -> None:
    path = small_file(change=lambda d: d[["t2m"]].rename(t2m=name).assign_attrs())
    assert list(open_files([path]).dataset.data_vars) == [key]


def test_a_canonical_dataset_written_to_a_file_opens_as_the_same(
    small_file: SmallFile, tmp_path: Path
) -> None:
    first = open_files([small_file()])
    path = tmp_path / "canonical.nc"
    first.dataset.drop_attrs(deep=False).to_netcdf(path)
    second = open_files([path])
    xr.testing.assert_equal(second.dataset, first.dataset)
    assert "renamed" not in [finding.code for finding in second.findings]


def test_dimensions_in_another_order_are_put_right(small_file: SmallFile) -> None:
    expected = open_files([small_file()]).dataset
    path = small_file(
        "turned.nc",
        change=lambda d: d.transpose("longitude", "pressure_level", "latitude", "valid_time"),
    )
    xr.testing.assert_equal(open_files([path]).dataset, expected)


def test_one_pressure_level_given_as_a_scalar_is_no_surface_field(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d[["t"]].rename(t="z").isel(pressure_level=1))
    dataset = open_files([path]).dataset
    assert list(dataset.data_vars) == ["atmos_z"]
    assert dataset["level"].values.tolist() == [850]


def test_a_name_without_its_levels_is_explained_not_guessed(small_file: SmallFile) -> None:
    path = small_file(
        change=lambda d: d.assign(t=d["t"].isel(pressure_level=0, drop=True)).drop_dims(
            "pressure_level"
        )
    )
    opened = open_files([path])
    assert not [key for key in opened.dataset if str(key).endswith("_t")]
    finding = _finding(opened, "wrong-levels")
    assert finding.variable == "t"
    assert "no pressure levels" in finding.message


@pytest.mark.parametrize(
    ("units", "shift", "factor"), [("degC", -273.15, 1.0), ("celsius", -273.15, 1.0)]
)
def test_values_in_another_unit_are_converted_and_it_is_said(
    small_file: SmallFile, units: str, shift: float, factor: float
) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        values = (dataset["t2m"] * factor + shift).astype("float32")
        return dataset.assign(t2m=values.assign_attrs(units=units))

    opened = open_files([small_file("other.nc", change)])
    expected = open_files([small_file()]).dataset["surf_2t"]
    np.testing.assert_allclose(opened.dataset["surf_2t"].values, expected.values, atol=1e-4)
    assert opened.dataset["surf_2t"].attrs["units"] == "K"
    assert opened.dataset["surf_2t"].dtype == np.float32
    assert f"from {units} to K" in _finding(opened, "unit-converted").message


def test_a_unit_that_does_not_fit_is_reported_and_kept(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d.assign(t2m=d["t2m"].assign_attrs(units="Pa")))
    opened = open_files([path])
    finding = _finding(opened, "unit-unknown")
    assert finding.severity == "warning"
    assert finding.variable == "surf_2t"
    assert "'Pa'" in finding.message
    assert opened.dataset["surf_2t"].attrs["units"] == "Pa"


def test_a_missing_unit_is_assumed_and_it_is_said(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d.assign(t2m=d["t2m"].drop_attrs()))
    finding = _finding(open_files([path]), "no-unit")
    assert finding.severity == "warning"
    assert "K was assumed" in finding.message


def test_an_unknown_variable_is_reported_with_what_to_do(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d.assign(oddity=d["t2m"].assign_attrs(units="1")))
    finding = _finding(open_files([path]), "unrecognised")
    assert finding.severity == "info"
    assert finding.variable == "oddity"
    assert "new variable" in finding.remedy


def test_what_is_no_field_is_reported(small_file: SmallFile) -> None:
    path = small_file(
        change=lambda d: d.assign(crs=0, label=("valid_time", list("abcd")), profile=d["t2m"][:, 0])
    )
    named = {f.variable for f in open_files([path]).findings if f.code == "not-a-field"}
    assert named == {"crs", "label", "profile"}


def test_a_further_dimension_is_reported_and_not_guessed_at(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d.assign(t2m=d["t2m"].expand_dims(tile=[0, 1])))
    opened = open_files([path])
    assert "surf_2t" not in opened.dataset
    finding = _finding(opened, "extra-dimension")
    assert finding.variable == "t2m"
    assert "tile 2" in finding.message


def test_preliminary_era5_is_pointed_out(small_file: SmallFile) -> None:
    versions = np.array(["0001", "0001", "0005", "0005"])
    path = small_file(change=lambda d: d.assign_coords(expver=("valid_time", versions)))
    finding = _finding(open_files([path]), "preliminary-data")
    assert finding.severity == "warning"
    assert "0001, 0005" in finding.message


def test_a_surface_variable_without_time_is_reported(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d.assign(msl=d["msl"].isel(valid_time=0, drop=True)))
    assert _finding(open_files([path]), "no-time").variable == "msl"


def test_an_alias_joins_the_known_name_and_does_not_replace_it(small_file: SmallFile) -> None:
    opened = open_files([small_file()], aliases={"t2m": (Group.SURFACE, "warmth")})
    np.testing.assert_array_equal(
        opened.dataset["surf_warmth"].values, opened.dataset["surf_2t"].values
    )


def test_an_explicit_source_wins_over_the_known_name(small_file: SmallFile) -> None:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        return dataset.assign(tcwv=dataset["t2m"], corrected=dataset["t2m"] + 1)

    opened = open_files([small_file(change=change)], aliases={"corrected": (Group.SURFACE, "tcwv")})
    assert opened.dataset["surf_tcwv"].attrs["source_name"] == "corrected"


def test_an_alias_of_the_wrong_kind_is_not_applied(small_file: SmallFile) -> None:
    path = small_file(change=lambda d: d[["t2m"]].rename(t2m="odd"))
    with pytest.raises(DataError, match="odd"):
        open_files([path], aliases={"odd": (Group.ATMOSPHERIC, "odd")})


def test_a_file_of_synthetic_data_stays_labelled(small_file: SmallFile) -> None:
    opened = open_files([small_file(change=lambda d: d.assign_attrs(synthetic=1))])
    assert opened.dataset.attrs["synthetic"] == 1
    assert "synthetic" not in open_files([small_file("real.nc")]).dataset.attrs
