"""Broken variants of the real files: each is refused by name, or read and reported."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.check import check_for_training, launchable
from aurora_dash.data.open import open_files
from aurora_dash.data.reading import read_values
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec, RunSpec

Norway = Callable[[Callable[[xr.Dataset], xr.Dataset]], list[Path]]


def _cut(source: Path, target: Path, size: int) -> Path:
    target.write_bytes(source.read_bytes()[:size])
    return target


def _spec(paths: list[Path]) -> RunSpec:
    return RunSpec(data=DataSpec(source="files", paths=tuple(str(path) for path in paths)))


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.999])
def test_a_netcdf4_file_cut_short_says_how_much_is_missing(
    norway_files: tuple[Path, Path], tmp_path: Path, share: float
) -> None:
    source = norway_files[1]
    size = int(source.stat().st_size * share)
    path = _cut(source, tmp_path / "cut.nc", size)
    with pytest.raises(DataError) as error:
        open_files([norway_files[0], path])
    assert str(path) in error.value.message
    assert f"holds {size} of the {source.stat().st_size} bytes" in error.value.message
    assert "again" in error.value.remedy


@pytest.mark.parametrize("missing", [3, 1000, 177_000, 350_000])
def test_a_classic_file_cut_short_does_not_read_as_zeros(
    iberia_tp_file: Path, tmp_path: Path, missing: int
) -> None:
    size = iberia_tp_file.stat().st_size - missing
    path = _cut(iberia_tp_file, tmp_path / "cut.nc", size)
    # This is what netCDF itself makes of it, and why it has to be refused.
    if missing == 177_000:
        assert float(xr.load_dataset(path, mask_and_scale=False)["tp"].max()) == 0
    with pytest.raises(DataError, match=rf"cut short.*{size} of the 354186") as error:
        open_files([path])
    assert str(path) in error.value.message


def test_a_classic_file_cut_in_its_header_is_refused(iberia_tp_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="header is cut short"):
        open_files([_cut(iberia_tp_file, tmp_path / "cut.nc", 300)])


@pytest.mark.parametrize("missing", [1, 5, 5000, 1_792_000])
def test_a_grib_file_cut_within_a_message_is_refused(
    western_usa_file: Path, tmp_path: Path, missing: int
) -> None:
    path = _cut(western_usa_file, tmp_path / "cut.grib", western_usa_file.stat().st_size - missing)
    with pytest.raises(DataError, match="GRIB file that was cut short") as error:
        open_files([path])
    assert str(path) in error.value.message


def test_grib_with_a_destroyed_message_reports_the_bytes_passed_over(
    western_usa_file: Path, tmp_path: Path
) -> None:
    content = bytearray(western_usa_file.read_bytes())
    second = content.index(b"GRIB", 4)
    content[second : second + 4] = b"XXXX"
    path = tmp_path / "hole.grib"
    path.write_bytes(content)
    opened = open_files([path])
    finding = next(f for f in opened.findings if f.code == "unread-bytes")
    assert finding.severity == "warning"
    length = content.index(b"GRIB", second + 4) - second
    assert f"{length} bytes" in finding.message


def test_grib_joined_twice_reports_the_repetition(western_usa_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "twice.grib"
    path.write_bytes(western_usa_file.read_bytes() * 2)
    opened = open_files([path])
    finding = next(f for f in opened.findings if f.code == "repeated-messages")
    assert "196 of 196 fields" in finding.message
    assert opened.dataset.sizes["time"] == 28


def test_damage_within_the_fields_is_found_by_the_check_and_named(
    norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    content = bytearray(norway_files[0].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40_000] = bytes(40_000)
    path = tmp_path / "holed.nc"
    path.write_bytes(content)
    spec = _spec([path, norway_files[1]])
    opened = open_data(spec.data, spec.model.catalogue_entry)
    findings = [f for f in check_for_training(opened, spec) if f.code == "unreadable"]
    assert findings
    assert not launchable(findings)
    assert str(path) in findings[0].message
    assert findings[0].variable is not None
    assert findings[0].variable.startswith("atmos_")


def test_a_grib_message_that_cannot_be_decoded_is_a_data_error(
    western_usa_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.grib"
    shutil.copyfile(western_usa_file, path)
    opened = open_files([path])
    path.write_bytes(b"GRIB" + bytes(path.stat().st_size - 4))
    with pytest.raises(DataError, match="surf_2t can't be read") as error:
        read_values(opened.dataset["surf_2t"])
    assert str(path) in error.value.message


def test_text_named_netcdf_is_refused(norway_files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "era5.nc"
    path.write_text("The server is busy. Try again later.\n")
    with pytest.raises(DataError, match=r"era5\.nc is a text file .*The server is busy"):
        open_files([norway_files[0], path])


def test_grib_named_netcdf_is_read_as_what_it_is_and_said(
    western_usa_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "era5.nc"
    shutil.copyfile(western_usa_file, path)
    opened = open_files([path])
    assert "surf_2t" in opened.dataset
    finding = next(f for f in opened.findings if f.code == "name-mismatch")
    assert finding.severity == "warning"
    assert "era5.nc" in finding.message
    assert "GRIB" in finding.message


def test_hdf5_that_holds_no_grid_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    xr.Dataset({"w": ("n", np.arange(3.0))}).to_netcdf(path, engine="netcdf4")
    with pytest.raises(DataError, match=r"weights\.h5 has no latitude"):
        open_files([path])


def test_ascending_latitudes_are_turned_round_with_the_fields(
    norway_files: tuple[Path, Path], norway_changed: Norway
) -> None:
    paths = norway_changed(lambda d: d.isel(latitude=slice(None, None, -1)))
    assert xr.open_dataset(paths[0])["latitude"].values[0] == 55
    opened = open_files(paths)
    xr.testing.assert_equal(opened.dataset, open_files(norway_files).dataset)
    note = next(f for f in opened.findings if f.code == "latitudes-reversed")
    assert "55 to 70" in note.message


def test_negative_longitudes_are_wrapped_with_the_fields(
    norway_files: tuple[Path, Path], norway_changed: Norway
) -> None:
    paths = norway_changed(lambda d: d.assign_coords(longitude=d["longitude"] - 100))
    dataset = open_files(paths).dataset
    assert dataset["longitude"].values[[0, -1]].tolist() == [265, 280]
    np.testing.assert_array_equal(
        dataset["surf_2t"].values, open_files(norway_files).dataset["surf_2t"].values
    )


def test_norway_moved_across_greenwich_is_refused_until_a_side_is_chosen(
    norway_changed: Norway,
) -> None:
    paths = norway_changed(lambda d: d.assign_coords(longitude=d["longitude"] - 12))
    spec = _spec(paths)
    with pytest.raises(DataError, match="across Greenwich: from -7 to 8") as error:
        open_data(spec.data, spec.model.catalogue_entry)
    found = re.search(r"data\.region=(\{.*?\})", error.value.remedy)
    assert found is not None
    region = json.loads(found[1])
    assert region == {"north": 70, "south": 55, "west": -7, "east": -0.25}
    chosen = spec.replace(data=spec.data.replace(region=region))
    opened = open_data(chosen.data, chosen.model.catalogue_entry)
    assert opened.dataset["longitude"].values[[0, -1]].tolist() == [353, 359.75]
    assert launchable(check_for_training(opened, chosen))


def test_a_missing_time_loses_its_samples_only_and_is_named(norway_changed: Norway) -> None:
    paths = norway_changed(lambda d: d.isel(valid_time=np.delete(np.arange(20), 10)))
    spec = _spec(paths)
    findings = check_for_training(open_data(spec.data, spec.model.catalogue_entry), spec)
    finding = next(f for f in findings if f.code == "uneven-times")
    assert finding.severity == "warning"
    assert "mostly 6 h" in finding.message
    assert "12 h from 2025-06-03T06:00Z to 2025-06-03T18:00Z" in finding.message
    # 18 windows of three times; those that hold the missing one are lost.
    assert "Only the 15 samples" in finding.message
    assert launchable(findings)


def test_a_time_missing_in_one_file_only_is_left_out_and_reported(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    shorter = rewrite(norway_files[0], lambda d: d.isel(valid_time=slice(2, None)))
    opened = open_files([shorter, norway_files[1]])
    assert opened.dataset.sizes["time"] == 18
    left_out = [f for f in opened.findings if f.code == "times-left-out"]
    assert {f.variable for f in left_out} == {"surf_2t", "surf_10u", "surf_10v", "surf_msl"}
    assert "2025-06-01T00:00Z" in left_out[0].message


def test_nan_is_named_by_variable_time_and_place(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    def spoil(dataset: xr.Dataset) -> xr.Dataset:
        dataset["t"][{"valid_time": 3, "pressure_level": 2, "latitude": 8, "longitude": 4}] = np.nan
        dataset["t"][{"valid_time": 7, "pressure_level": 0}] = np.inf
        return dataset

    spec = _spec([rewrite(norway_files[0], spoil), norway_files[1]])
    findings = check_for_training(open_data(spec.data, spec.model.catalogue_entry), spec)
    (finding,) = [f for f in findings if f.code == "missing-values"]
    assert finding.severity == "error"
    assert finding.variable == "atmos_t"
    # One NaN, and one whole field of the cropped 60 x 60 grid.
    assert "3601 missing values" in finding.message
    assert "in 2 times" in finding.message
    assert finding.where == "2025-06-01T18:00Z, 850 hPa, latitude 68, longitude 6"
    assert "data.region" in finding.remedy


def test_values_that_cannot_be_are_named(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    def celsius_without_a_word(dataset: xr.Dataset) -> xr.Dataset:
        dataset["t2m"] = dataset["t2m"].copy(data=dataset["t2m"].values - 273.15)
        return dataset

    spec = _spec([norway_files[0], rewrite(norway_files[1], celsius_without_a_word)])
    findings = check_for_training(open_data(spec.data, spec.model.catalogue_entry), spec)
    (finding,) = [f for f in findings if f.code == "unit-suspect"]
    assert finding.severity == "error"
    assert finding.variable == "surf_2t"
    assert "should be in K, but its values look like values in degC" in finding.message
    assert "unit" in finding.remedy


def test_a_static_field_that_changes_is_found_out(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    def upper_air_as_surface(dataset: xr.Dataset) -> xr.Dataset:
        noise = np.random.default_rng(0).normal(size=dataset["z"].shape)
        dataset["z"] = dataset["z"] + 1000 * noise
        return dataset

    spec = _spec([norway_files[0], rewrite(norway_files[1], upper_air_as_surface)])
    findings = check_for_training(open_data(spec.data, spec.model.catalogue_entry), spec)
    (finding,) = [f for f in findings if f.code == "static-changes"]
    assert finding.severity == "error"
    assert finding.variable == "static_z"


def test_static_fields_are_those_of_the_first_time(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    def grow(dataset: xr.Dataset) -> xr.Dataset:
        dataset["lsm"] = dataset["lsm"] + xr.DataArray(np.arange(20.0), dims="valid_time")
        return dataset

    path = rewrite(norway_files[1], grow)
    original = xr.load_dataset(norway_files[1])["lsm"].values[0]
    np.testing.assert_array_equal(open_files([path]).dataset["static_lsm"].values, original)
