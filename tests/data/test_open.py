"""The real files, opened as they are."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from dask.callbacks import Callback
from xarray.backends.h5netcdf_ import H5NetCDFArrayWrapper

from aurora_dash.data.grib import _GribArray
from aurora_dash.data.open import OpenedData, greenwich_findings, open_files
from aurora_dash.data.select import select_region
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group

SURFACE = ("surf_2t", "surf_10u", "surf_10v", "surf_msl")
STATIC = ("static_lsm", "static_z", "static_slt")
ATMOSPHERIC = tuple(f"atmos_{name}" for name in "zuvtq")


def _codes(opened: OpenedData) -> set[str]:
    return {finding.code for finding in opened.findings}


def test_the_norway_pair_opens_as_it_is(norway_files: tuple[Path, Path]) -> None:
    opened = open_files(norway_files)
    dataset = opened.dataset
    assert set(dataset.data_vars) == {*SURFACE, *STATIC, *ATMOSPHERIC}
    assert dict(dataset.sizes) == {"time": 20, "level": 4, "latitude": 61, "longitude": 61}
    assert dataset["level"].values.tolist() == [1000, 925, 850, 700]
    assert dataset["latitude"].values[[0, -1]].tolist() == [70, 55]
    assert dataset["longitude"].values[[0, -1]].tolist() == [5, 20]
    assert dataset["time"].values[0] == np.datetime64("2025-06-01T00", "ns")
    assert dataset["time"].values[-1] == np.datetime64("2025-06-05T18", "ns")
    assert not {f.severity for f in opened.findings} - {"info"}


def test_each_variable_has_its_dimensions_type_and_unit(norway_files: tuple[Path, Path]) -> None:
    dataset = open_files(norway_files).dataset
    dims = {
        "surf": ("time", "latitude", "longitude"),
        "static": ("latitude", "longitude"),
        "atmos": ("time", "level", "latitude", "longitude"),
    }
    for key, array in dataset.items():
        assert array.dims == dims[str(key).split("_")[0]]
        assert array.dtype == np.float32
        assert array.attrs["long_name"]
    units = {key: dataset[key].attrs["units"] for key in dataset.data_vars}
    assert units["surf_2t"] == units["atmos_t"] == "K"
    assert units["static_z"] == units["atmos_z"] == "m2 s-2"
    assert (units["surf_10u"], units["surf_msl"], units["static_lsm"]) == ("m s-1", "Pa", "1")
    assert (units["atmos_q"], units["static_slt"]) == ("kg kg-1", "class")


def test_every_value_is_the_one_in_the_file(norway_files: tuple[Path, Path]) -> None:
    dataset = open_files(norway_files).dataset
    pressure, single = (xr.load_dataset(path) for path in norway_files)
    for ours, theirs in {"2t": "t2m", "10u": "u10", "10v": "v10", "msl": "msl"}.items():
        np.testing.assert_array_equal(dataset[f"surf_{ours}"].values, single[theirs].values)
    for name in "zuvtq":
        np.testing.assert_array_equal(dataset[f"atmos_{name}"].values, pressure[name].values)
    for name in ("lsm", "z", "slt"):
        np.testing.assert_array_equal(dataset[f"static_{name}"].values, single[name].values[0])


def test_all_variables_read_at_once_are_those_read_one_by_one(
    norway_files: tuple[Path, Path], western_usa_file: Path
) -> None:
    for paths in (norway_files, [western_usa_file]):
        dataset = open_files(paths).dataset
        together = dataset.compute()
        for key, array in dataset.items():
            np.testing.assert_array_equal(together[key].values, array.compute().values)


def test_geopotential_is_told_apart_by_its_levels(norway_files: tuple[Path, Path]) -> None:
    dataset = open_files(norway_files).dataset
    assert float(dataset["static_z"].min()) < 0  # real: slightly negative over sea
    assert 28_000 < float(dataset["atmos_z"].sel(level=700).mean()) < 30_000


def test_what_was_done_is_said(norway_files: tuple[Path, Path]) -> None:
    findings = open_files(norway_files).findings
    said = {finding.code: finding for finding in findings}
    assert "t2m -> surf_2t" in said["renamed"].message
    assert "slt, z, lsm" in said["static-first-time"].message
    assert "number and expver" in said["coordinates-dropped"].message
    assert all(finding.where in map(str, norway_files) or not finding.where for finding in findings
               if finding.code in ("renamed", "static-first-time"))  # fmt: skip


def test_the_order_of_the_files_does_not_matter(norway_files: tuple[Path, Path]) -> None:
    one, other = open_files(norway_files), open_files(norway_files[::-1])
    xr.testing.assert_identical(one.dataset, other.dataset[list(one.dataset.data_vars)])


def test_opening_reads_no_field(
    norway_files: tuple[Path, Path], western_usa_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    original = H5NetCDFArrayWrapper._getitem

    def spy(wrapper: H5NetCDFArrayWrapper, key: object) -> object:
        read.append(wrapper.shape)
        return original(wrapper, key)

    monkeypatch.setattr(H5NetCDFArrayWrapper, "_getitem", spy)
    monkeypatch.setattr(_GribArray, "_read", lambda *_: pytest.fail("a GRIB field was read"))
    computed: list[object] = []
    with Callback(start=computed.append):
        opened = [open_files(norway_files), open_files([western_usa_file])]
    assert not computed
    assert all(array.chunks for data in opened for array in data.dataset.values())
    # Coordinates are read; they have one dimension.
    assert read
    assert all(len(shape) < 2 for shape in read)
    opened[0].dataset["static_lsm"].load()
    assert (20, 61, 61) in read


def test_grib_opens_with_its_longitudes_brought_to_0_to_360(western_usa_file: Path) -> None:
    opened = open_files([western_usa_file])
    dataset = opened.dataset
    assert set(dataset.data_vars) == {*SURFACE, *STATIC}
    assert dict(dataset.sizes) == {"time": 28, "latitude": 61, "longitude": 61}
    assert dataset["longitude"].values[[0, -1]].tolist() == [235, 250]
    wrapped = next(f for f in opened.findings if f.code == "longitudes-wrapped")
    assert "-125 to -110" in wrapped.message
    reference = xr.load_dataset(
        western_usa_file,
        engine="cfgrib",
        backend_kwargs={"indexpath": "", "filter_by_keys": {"shortName": "2t"}},
    )
    np.testing.assert_array_equal(dataset["surf_2t"].values, reference["t2m"].values)
    np.testing.assert_array_equal(reference["longitude"].values % 360, dataset["longitude"].values)


def test_packed_integers_become_the_numbers_they_stand_for(iberia_tp_file: Path) -> None:
    dataset = open_files([iberia_tp_file]).dataset
    with netCDF4.Dataset(iberia_tp_file) as raw:
        expected = np.asarray(raw["t2m"][:], dtype=np.float64)
        longitude = np.asarray(raw["longitude"][:], dtype=np.float64)
    assert dataset["surf_2t"].dtype == np.float32
    for degrees in (-20.0, -0.25, 0.0, 10.0):
        column = int(np.flatnonzero(longitude == degrees)[0])
        ours = dataset["surf_2t"].sel(longitude=degrees % 360).values
        np.testing.assert_allclose(ours, expected[:, :, column], rtol=1e-7)


def test_a_region_across_greenwich_is_explained_with_the_two_ways_out(
    iberia_tp_file: Path,
) -> None:
    opened = open_files([iberia_tp_file])
    finding = next(f for f in opened.findings if f.code == "crosses-greenwich")
    assert finding.severity == "error"
    assert "-20 to 10" in finding.message
    assert "data.region" in finding.remedy
    assert '"west":-20.0,"east":-0.25' in finding.remedy
    assert '"west":0.0,"east":10.0' in finding.remedy


def test_files_of_different_grids_are_refused_and_both_are_named(
    iberia_tp_file: Path, cams_pm10_file: Path
) -> None:
    with pytest.raises(DataError) as error:
        open_files([iberia_tp_file, cams_pm10_file])
    message = error.value.message
    assert f"{iberia_tp_file.name} has 121 x 121 points" in message
    assert f"{cams_pm10_file.name} has 76 x 76 points" in message
    assert "0.25 degrees" in message
    assert "0.4 degrees" in message
    assert "regrid" in error.value.remedy


def test_two_areas_of_the_same_resolution_are_different_grids(
    norway_files: tuple[Path, Path], western_usa_file: Path
) -> None:
    with pytest.raises(DataError, match="2 different grids"):
        open_files([*norway_files, western_usa_file])


def test_nothing_is_written_beside_the_files(western_usa_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "data" / western_usa_file.name
    copy.parent.mkdir()
    shutil.copyfile(western_usa_file, copy)
    before = hashlib.sha256(copy.read_bytes()).hexdigest()
    open_files([copy]).dataset["surf_msl"].load()
    assert [entry.name for entry in copy.parent.iterdir()] == [copy.name]
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == before


def test_values_can_be_read_after_the_handles_were_given_back(
    norway_files: tuple[Path, Path],
) -> None:
    opened = open_files(norway_files)
    opened.close()
    assert np.isfinite(opened.dataset["surf_2t"].isel(time=0).values).all()


def test_a_name_in_the_file_can_stand_for_a_new_variable(iberia_tp_file: Path) -> None:
    opened = open_files([iberia_tp_file], aliases={"tp": (Group.SURFACE, "rain")})
    assert "surf_rain" in opened.dataset
    assert opened.dataset["surf_rain"].attrs["units"] == "m"
    assert opened.dataset["surf_rain"].attrs["source_name"] == "tp"


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="No data file"):
        open_files([])


def test_a_file_of_unknown_variables_is_refused_with_their_names(
    small_file: Callable[..., Path],
) -> None:
    path = small_file(change=lambda d: d[["t2m"]].rename(t2m="mystery"))
    with pytest.raises(DataError) as error:
        open_files([path])
    assert path.name in error.value.message
    assert "mystery" in error.value.message
    assert "source_name" in error.value.remedy


def test_opening_needs_no_torch(norway_files: tuple[Path, Path]) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "import aurora_dash.data.check, aurora_dash.data.source\n"
        "from aurora_dash.data.open import open_files\n"
        f"open_files([Path({str(norway_files[1])!r})])\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'aurora', 'streamlit')))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_gap_between_longitudes_away_from_greenwich_is_refused() -> None:
    dataset = xr.Dataset(coords={"latitude": [60.0, 59.0], "longitude": [10.0, 11.0, 30.0, 31.0]})
    (finding,) = greenwich_findings(dataset)
    assert (finding.severity, finding.code) == ("error", "longitude-gap")
    assert "between 11 and 30 degrees east" in finding.message
    assert finding.where == "11 to 30 degrees east"
    assert [fix.label for fix in finding.fixes] == ["Take the west of the gap",
                                                    "Take the east of the gap"]  # fmt: skip
    east = RunSpec().with_overrides(finding.fixes[1].assignments).data.region
    assert select_region(dataset, east)[0]["longitude"].values.tolist() == [30.0, 31.0]
