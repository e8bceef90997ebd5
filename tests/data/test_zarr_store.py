"""Zarr stores of both versions, in the layouts in which reanalyses are published."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import ZipStore

from aurora_dash.data.open import open_files
from aurora_dash.data.reading import read_values
from aurora_dash.data.roots import expand_paths
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec, RunSpec
from aurora_dash.variants import get_variant

Small = Callable[..., xr.Dataset]


def _write(dataset: xr.Dataset, path: Path, version: int = 3, *, consolidated: bool = True) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # consolidated metadata of version 3 is no standard yet
        dataset.to_zarr(path, zarr_format=version, consolidated=consolidated)
    return path


@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.parametrize("version", [2, 3])
def test_a_store_opens_as_the_netcdf_file_of_the_same_data(
    small: Small, small_file: Callable[..., Path], tmp_path: Path, version: int, consolidated: bool
) -> None:
    store = _write(small(), tmp_path / "era5.zarr", version, consolidated=consolidated)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = open_files([store])
    expected = open_files([small_file()])
    xr.testing.assert_equal(opened.dataset, expected.dataset)
    assert opened.files == (store,)
    assert opened.dataset["surf_2t"].chunks is not None
    opened.close()
    assert float(opened.dataset["surf_2t"][0, 0, 0]) == 280


@pytest.mark.parametrize("version", [2, 3])
def test_a_zipped_store_opens_without_being_unpacked(
    small: Small, tmp_path: Path, version: int
) -> None:
    path = tmp_path / "era5.zarr.zip"
    folder = _write(small(), tmp_path / "folder", version, consolidated=False)
    with ZipStore(path, mode="w") as store, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small().to_zarr(store, zarr_format=version, consolidated=False)
    xr.testing.assert_equal(open_files([path]).dataset, open_files([folder]).dataset)
    assert expand_paths([path]) == [path]


def test_folders_and_patterns_find_stores_and_nothing_within_them(
    small: Small, tmp_path: Path
) -> None:
    months = [
        _write(small(num_times=4), tmp_path / "data" / name, version)
        for name, version in (("2024-01.zarr", 2), ("2024-02.zarr", 3))
    ]
    (tmp_path / "data" / "notes.txt").write_text("words")
    assert expand_paths([tmp_path / "data"]) == months
    assert expand_paths([f"{tmp_path}/data/*.zarr"]) == months
    assert expand_paths([f"{tmp_path}/**/*2*"]) == months
    assert expand_paths([months[0]], roots=[tmp_path]) == months[:1]


def test_monthly_stores_and_a_netcdf_file_of_statics_make_one_dataset(
    small: Small, small_file: Callable[..., Path], tmp_path: Path
) -> None:
    whole = small(num_times=8).drop_vars("lsm")
    first = _write(whole.isel(valid_time=slice(0, 4)), tmp_path / "a.zarr", 2)
    second = _write(whole.isel(valid_time=slice(4, 8)), tmp_path / "b.zarr", 3)
    statics = small_file(change=lambda d: d[["lsm"]])
    dataset = open_files([second, statics, first]).dataset
    assert dataset.sizes["time"] == 8
    np.testing.assert_array_equal(dataset["surf_2t"].values, whole["t2m"].values)
    assert "static_lsm" in dataset


def weatherbench(num_times: int = 6) -> xr.Dataset:
    """The layout of WeatherBench 2's low-resolution ERA5: longitude first, latitude ascending."""
    longitude, latitude = np.arange(0, 360, 45.0), np.linspace(-78.75, 78.75, 8)
    level = np.array([500, 700, 850])
    rng = np.random.default_rng(3)

    def field(*dims: str) -> tuple[tuple[str, ...], np.ndarray]:
        sizes = {"time": num_times, "level": 3, "longitude": 8, "latitude": 8}
        return dims, rng.normal(size=[sizes[d] for d in dims]).astype("float32")

    surface, upper = ("time", "longitude", "latitude"), ("time", "level", "longitude", "latitude")
    units = {"2m_temperature": "K", "mean_sea_level_pressure": "Pa", "temperature": "K"}
    units |= {"geopotential": "m**2 s**-2", "specific_humidity": "kg kg**-1"}
    winds = ("10m_u_component_of_wind", "10m_v_component_of_wind")
    names = [("2m_temperature", surface), ("mean_sea_level_pressure", surface)]
    names += [(name, surface) for name in winds]
    names += [(name, upper) for name in ("geopotential", "temperature", "specific_humidity")]
    names += [(name, upper) for name in ("u_component_of_wind", "v_component_of_wind")]
    names += [(n, surface[1:]) for n in ("land_sea_mask", "soil_type", "geopotential_at_surface")]
    statics = {"land_sea_mask": "(0 - 1)", "soil_type": "~", "geopotential_at_surface": "m2 s-2"}
    return xr.Dataset(
        {n: (*field(*d), {"units": {**units, **statics}.get(n, "m s**-1")}) for n, d in names},
        coords={
            "time": np.datetime64("1959-01-01", "ns")
            + np.arange(num_times) * np.timedelta64(6, "h"),
            "level": level,
            "longitude": longitude,
            "latitude": latitude,
        },
    )


def test_the_layout_of_weatherbench_is_a_complete_batch(tmp_path: Path) -> None:
    source = weatherbench()
    opened = open_files([_write(source, tmp_path / "wb2.zarr", 2)])
    dataset = opened.dataset
    assert set(dataset.data_vars) == {
        *("surf_2t", "surf_10u", "surf_10v", "surf_msl", "static_lsm", "static_slt", "static_z"),
        *(f"atmos_{name}" for name in "zuvtq"),
    }
    assert dataset["atmos_t"].dims == ("time", "level", "latitude", "longitude")
    assert dataset["latitude"].values[0] == 78.75
    expected = source["temperature"].transpose("time", "level", "latitude", "longitude")
    np.testing.assert_array_equal(dataset["atmos_t"].values, expected.values[:, :, ::-1])
    np.testing.assert_array_equal(
        dataset["static_z"].values, source["geopotential_at_surface"].values.T[::-1]
    )
    codes = {finding.code for finding in opened.findings}
    assert {"renamed", "latitudes-reversed", "dimensions-reordered"} <= codes


def arco(*, statics_in_time: bool) -> xr.Dataset:
    """The layout of ARCO-ERA5: hourly, latitude descending, integer levels, all statics inside."""
    sizes = {"time": 14, "level": 3, "latitude": 9, "longitude": 12}
    rng = np.random.default_rng(5)
    surface, upper = ("time", "latitude", "longitude"), tuple(sizes)
    names = {
        "2m_temperature": (surface, "K"),
        "10m_u_component_of_wind": (surface, "m s**-1"),
        "10m_v_component_of_wind": (surface, "m s**-1"),
        "mean_sea_level_pressure": (surface, "Pa"),
        "sea_surface_temperature": (surface, "K"),
        "geopotential": (upper, "m**2 s**-2"),
        "temperature": (upper, "K"),
        "u_component_of_wind": (upper, "m s**-1"),
        "v_component_of_wind": (upper, "m s**-1"),
        "specific_humidity": (upper, "kg kg**-1"),
        "potential_vorticity": (upper, "K m**2 kg**-1 s**-1"),
    }
    fields = {
        name: (dims, rng.normal(size=[sizes[d] for d in dims]).astype("float32"), {"units": unit})
        for name, (dims, unit) in names.items()
    }
    statics = {
        "land_sea_mask": "(0 - 1)",
        "soil_type": "~",
        "geopotential_at_surface": "m**2 s**-2",
    }
    for name, unit in statics.items():
        values = rng.normal(size=(9, 12)).astype("float32")
        dims: tuple[str, ...] = surface[1:]
        if statics_in_time:
            dims, values = surface, np.repeat(values[np.newaxis], sizes["time"], axis=0)
        fields[name] = (dims, values, {"units": unit})
    start = np.datetime64("2020-06-01", "ns")
    return xr.Dataset(
        fields,
        coords={
            "time": start + np.arange(sizes["time"]) * np.timedelta64(1, "h"),
            "level": np.array([500, 700, 850], dtype="int64"),
            "latitude": np.linspace(90, -90, 9, dtype="float32"),
            "longitude": np.arange(0, 360, 30, dtype="float32"),
        },
    )


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("statics_in_time", [False, True])
def test_the_layout_of_arco_is_a_complete_batch(
    tmp_path: Path, version: int, statics_in_time: bool
) -> None:
    source = arco(statics_in_time=statics_in_time)
    chunked = source.chunk(time=1)
    chunked["time"].encoding = {"units": "hours since 1900-01-01", "dtype": "int64"}
    opened = open_files([_write(chunked, tmp_path / "arco.zarr", version)])
    dataset = opened.dataset
    assert set(dataset.data_vars) == {
        *(f"surf_{name}" for name in ("2t", "10u", "10v", "msl", "sst")),
        *("static_lsm", "static_slt", "static_z"),
        *(f"atmos_{name}" for name in "zuvtq"),
    }
    np.testing.assert_array_equal(dataset["time"].values, source["time"].values)
    np.testing.assert_array_equal(dataset["latitude"].values, source["latitude"].values)
    assert dataset["level"].values.tolist() == [500, 700, 850]
    np.testing.assert_array_equal(dataset["surf_2t"].values, source["2m_temperature"].values)
    np.testing.assert_array_equal(dataset["atmos_z"].values, source["geopotential"].values)
    surface = source["geopotential_at_surface"]
    np.testing.assert_array_equal(
        dataset["static_z"].values, surface.isel(time=0) if statics_in_time else surface
    )
    codes = [finding.code for finding in opened.findings]
    assert ("static-first-time" in codes) == statics_in_time
    assert any("potential_vorticity" in f.message for f in opened.findings)


def test_only_the_chosen_period_of_a_long_store_is_looked_at(tmp_path: Path) -> None:
    store = tmp_path / "long.zarr"
    years = np.datetime64("1900-01-01", "ns") + np.arange(1_000_000) * np.timedelta64(1, "h")
    group = zarr.create_group(store, zarr_format=2)
    for name in ("2m_temperature", "mean_sea_level_pressure", "surface_pressure", "sea_ice_cover"):
        array = group.create_array(
            name, shape=(1_000_000, 721, 1440), chunks=(1, 721, 1440), dtype="f4"
        )
        array.attrs.update({"_ARRAY_DIMENSIONS": ["time", "latitude", "longitude"], "units": "1"})
    xr.Dataset(
        coords={
            "time": years,
            "latitude": np.linspace(90, -90, 721),
            "longitude": np.arange(1440) / 4,
        }
    ).to_zarr(store, mode="a", zarr_format=2, consolidated=True)
    with pytest.raises(DataError, match="4000000 fields") as error:
        open_files([store])
    assert "data.start" in error.value.remedy
    day = datetime(1950, 6, 1, tzinfo=UTC)
    dataset = open_files([store], period=(day, day.replace(day=2))).dataset
    assert dataset["time"].values[[0, -1]].astype("datetime64[h]").astype(str).tolist() == [
        "1950-06-01T00",
        "1950-06-02T00",
    ]


def test_a_spec_names_a_store_and_trains_on_its_period(tmp_path: Path) -> None:
    store = _write(weatherbench(12), tmp_path / "wb2.zarr", 3)
    spec = RunSpec(
        data=DataSpec(source="files", paths=(str(store),), start=datetime(1959, 1, 2, tzinfo=UTC))
    )
    opened = open_data(spec.data, get_variant("small"))
    assert opened.dataset.sizes["time"] == 8


def _cut_chunk(store: Path) -> None:
    chunk = next(path for path in (store / "t2m" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:20])


def test_a_damaged_chunk_is_named_when_it_is_read(small: Small, tmp_path: Path) -> None:
    store = _write(small(), tmp_path / "era5.zarr")
    _cut_chunk(store)
    dataset = open_files([store]).dataset
    with pytest.raises(DataError, match="surf_2t can't be read") as error:
        read_values(dataset["surf_2t"])
    assert str(store) in error.value.message


def test_a_chunk_that_is_not_there_is_reported(small: Small, tmp_path: Path) -> None:
    store = _write(small().chunk(valid_time=1), tmp_path / "era5.zarr")
    shutil.rmtree(store / "t2m" / "c" / "2")
    opened = open_files([store])
    found = [f for check in opened.later_checks for f in check()]
    (finding,) = [f for f in found if f.code == "chunks-missing"]
    assert finding.severity == "warning"
    assert "1 of 4 chunks of t2m" in finding.message


@pytest.mark.parametrize(("dtype", "fill"), [("|O", None), ("<f8", "NaN")])
def test_pickled_chunks_are_never_read(
    small: Small, tmp_path: Path, dtype: str, fill: str | None
) -> None:
    store = _write(small(), tmp_path / "evil.zarr", 2, consolidated=False)
    described = json.loads((store / "latitude" / ".zarray").read_text())
    described |= {"dtype": dtype, "fill_value": fill}
    described |= {"filters": [{"id": "pickle", "protocol": 5}]}
    (store / "latitude" / ".zarray").write_text(json.dumps(described))
    with pytest.raises(DataError, match="pickle"):
        open_files([store])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [2**50]}, "values on one axis"),
        ({"shape": "nonsense"}, "can't be read"),
        ({"dtype": "<q9"}, "can't be read"),
        ({"compressor": {"id": "unheard-of"}}, "can't be read"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(
    small: Small, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    store = _write(small(), tmp_path / "era5.zarr", 2, consolidated=False)
    path = store / "latitude" / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=words) as error:
        open_files([store])
    assert str(store) in error.value.message


def test_a_group_of_groups_names_what_is_below_it(small: Small, tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "all.zarr")
    _write(small(), tmp_path / "all.zarr" / "era5")
    with pytest.raises(DataError, match="below it are era5") as error:
        open_files([tmp_path / "all.zarr"])
    assert "all.zarr/era5" in error.value.remedy
    assert "surf_2t" in open_files([tmp_path / "all.zarr" / "era5"]).dataset
