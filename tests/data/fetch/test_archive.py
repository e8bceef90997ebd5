"""ARCO-ERA5 and WeatherBench 2, from stores of their layout behind a real HTTP server."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.check import check_for_training
from aurora_dash.data.fetch import archive
from aurora_dash.data.fetch import plan as planning
from aurora_dash.data.fetch.pace import Pace, StoppedError
from aurora_dash.data.fetch.plan import plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.run import run
from aurora_dash.data.fetch.sources import (
    ARCO_VARIABLE,
    WEATHERBENCH2_DATASETS,
    WEATHERBENCH2_VARIABLE,
)
from aurora_dash.data.findings import launchable
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError
from aurora_dash.presets import demo
from aurora_dash.spec import DataSpec
from tests.local_server import serving

pytestmark = pytest.mark.slow

NORWAY = {"north": 70, "south": 55, "west": 5, "east": 20}
LEVELS = [700, 850, 925, 1000]
_ARCHIVE_NAMES = {
    "t2m": "2m_temperature",
    "u10": "10m_u_component_of_wind",
    "v10": "10m_v_component_of_wind",
    "msl": "mean_sea_level_pressure",
    "lsm": "land_sea_mask",
    "slt": "soil_type",
    "u": "u_component_of_wind",
    "v": "v_component_of_wind",
    "t": "temperature",
    "q": "specific_humidity",
}


@dataclass
class Web:
    """A folder behind HTTP."""

    url: str
    folder: Path
    asked: list[str] = field(default_factory=list)
    broken: int = 0
    """So many chunks are answered with 503 first."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "bucket"
    folder.mkdir()
    web = Web(url="", folder=folder)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            if web.broken and "temperature/" in self.path and not self.path.endswith("s"):
                web.broken -= 1
                self.send_error(503)
                return
            super().do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    with serving(partial(Handler, directory=str(folder))) as web.url:
        yield web


@pytest.fixture(scope="session")
def norway_archive(norway_files: tuple[Path, Path]) -> xr.Dataset:
    """Real ERA5 under the archives' names: statics without time, whole-number levels."""
    with xr.open_dataset(norway_files[0]) as upper, xr.open_dataset(norway_files[1]) as single:
        single = single.rename(z="geopotential_at_surface")
        statics = ["geopotential_at_surface", "lsm", "slt"]
        fixed = single[statics].isel(valid_time=0, drop=True)
        moving = xr.merge(
            [single.drop_vars(statics), upper.rename(z="geopotential")], compat="override"
        )
        both = moving.assign(fixed.data_vars).drop_vars(["number", "expver"]).load()
    both = both.rename(_ARCHIVE_NAMES).rename(valid_time="time", pressure_level="level")
    both = both.assign_coords(level=both["level"].astype(int)).isel(level=slice(None, None, -1))
    for variable in both.variables.values():
        variable.encoding = {}
    return both


def write(dataset: xr.Dataset, path: Path, zarr_format: int = 2) -> None:
    chunks = {
        name: {
            "chunks": tuple(
                1 if dim == "time" else size
                for dim, size in zip(variable.dims, variable.shape, strict=True)
            )
        }
        for name, variable in dataset.data_vars.items()
    }
    dataset.to_zarr(path, zarr_format=zarr_format, consolidated=True, encoding=chunks)


@pytest.fixture
def arco(web: Web, norway_archive: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> Web:
    write(norway_archive, web.folder / "ar.zarr")
    monkeypatch.setenv(ARCO_VARIABLE, f"{web.url}/ar.zarr")
    return web


@pytest.fixture
def request_(tmp_path: Path) -> Callable[..., FetchRequest]:
    def make(**changes: Any) -> FetchRequest:
        values = {
            "source": "arco",
            "start": "2025-06-01",
            "end": "2025-06-05",
            "levels": LEVELS,
            "region": NORWAY,
            "out": str(tmp_path / "fetched"),
        }
        return FetchRequest.build({**values, **changes})

    return make


@pytest.fixture
def day_by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece a day."""
    monkeypatch.setattr(planning, "_PIECE_VALUES", 1)


def test_arco_is_ready_to_train_on_and_equal_to_the_source(
    arco: Web, request_: Callable[..., FetchRequest], quick: Pace, norway_archive: xr.Dataset
) -> None:
    fetched = run(plan(request_()), pace=quick)
    assert sorted(p.name for p in fetched.files) == [
        "arco_2025-06-01_2025-06-05.nc",
        "arco_static.nc",
    ]
    spec = demo().replace(data=DataSpec(source="files", paths=(str(fetched.folder),)))
    opened = open_data(spec.data, spec.model.catalogue_entry)
    assert launchable(check_for_training(opened, spec))
    assert opened.dataset["level"].values.tolist() == [float(level) for level in LEVELS]
    for key, name in (("surf_2t", "2m_temperature"), ("atmos_z", "geopotential")):
        truth = norway_archive[name].values[..., :60, :60]
        assert np.array_equal(opened.dataset[key].values, truth)
    opened.close()
    text = (fetched.folder / "ATTRIBUTION.txt").read_text()
    assert "ARCO-ERA5" in text and "CC BY 4.0" in text


@pytest.mark.parametrize(
    ("dataset", "zarr_format", "dims"),
    [
        ("era5", 2, ("time", "level", "latitude", "longitude")),
        ("era5_64x32", 2, ("time", "level", "longitude", "latitude")),
        ("era5", 3, ("time", "level", "latitude", "longitude")),
    ],
)
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_weatherbench2_with_its_ascending_latitudes(
    web: Web,
    request_: Callable[..., FetchRequest],
    quick: Pace,
    norway_archive: xr.Dataset,
    monkeypatch: pytest.MonkeyPatch,
    dataset: Any,
    zarr_format: int,
    dims: tuple[str, ...],
) -> None:
    years_ago = norway_archive["time"] - np.timedelta64(5 * 365, "D")
    stored = norway_archive.assign_coords(time=years_ago).isel(latitude=slice(None, None, -1))
    path = web.folder / WEATHERBENCH2_DATASETS[dataset].store_url.partition("/datasets/")[2]
    write(stored.transpose(*dims), path, zarr_format)
    monkeypatch.setenv(WEATHERBENCH2_VARIABLE, web.url)
    asked = request_(
        source="weatherbench2", dataset=dataset, start="2020-06-02", end="2020-06-06",
        region={"north": 69, "south": 60, "west": 6, "east": 15},
    )  # fmt: skip
    fetched = run(plan(asked), pace=quick)
    with xr.open_dataset(fetched.files[1]) as found:
        expected = norway_archive.sel(latitude=slice(69, 60), longitude=slice(6, 15))
        assert np.array_equal(found["atmos_t"].values, expected["temperature"].values)
        assert found["latitude"].values[[0, -1]].tolist() == [69, 60]
        assert found["atmos_t"].attrs["source_name"] == "temperature"


def test_hres_analyses_have_no_statics_and_say_so(request_: Callable[..., FetchRequest]) -> None:
    asked = request_(
        source="weatherbench2", dataset="hres_t0", start="2020-01-01", end="2020-01-02"
    )
    assert asked.statics_elsewhere == ("lsm", "z", "slt")
    assert not any(piece.is_static for piece in plan(asked).pieces)


def test_a_stopped_fetch_goes_on_without_reading_what_is_there(
    arco: Web, request_: Callable[..., FetchRequest], quick: Pace, day_by_day: None, tmp_path: Path
) -> None:
    done = tmp_path / "fetched" / "arco_2025-06-02.nc"
    with pytest.raises(StoppedError):
        run(plan(request_()), should_stop=done.exists, pace=quick)
    assert not (tmp_path / "fetched" / "arco_2025-06-05.nc").exists()
    arco.asked.clear()
    fetched = run(plan(request_()), pace=quick)
    assert len(fetched.files) == 6
    chunks = [path for path in arco.asked if "/2m_temperature/" in path and path[-1].isdigit()]
    assert {int(path.rpartition("/")[2].split(".")[0]) // 4 for path in chunks} == {2, 3, 4}


def test_a_network_that_fails_now_and_then_is_lived_with(
    arco: Web, request_: Callable[..., FetchRequest], quick: Pace
) -> None:
    arco.broken = 3
    assert len(run(plan(request_()), pace=quick).files) == 2
    assert arco.broken == 0


def test_times_that_the_archive_holds_only_as_nan_are_refused(
    web: Web,
    norway_archive: xr.Dataset,
    request_: Callable[..., FetchRequest],
    quick: Pace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = norway_archive["time"] <= np.datetime64("2025-06-04T06")
    write(norway_archive.assign(temperature=norway_archive["temperature"].where(ended)),
          web.folder / "ar.zarr")  # fmt: skip
    monkeypatch.setenv(ARCO_VARIABLE, f"{web.url}/ar.zarr")
    with pytest.raises(DataError, match="no temperature at 2025-06-04T12:00Z"):
        run(plan(request_()), pace=quick)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"end": "2025-06-06"}, r"no 2025-06-06T00:00Z \(4 of 24 times.*2025-06-05T18:00Z"),
        ({"levels": [500]}, r"no \[500\] hPa"),
        ({"region": {"north": 10, "south": 0, "west": 5, "east": 20}}, "No point"),
        ({"variables": ["tcwv"]}, "lacks total_column_water_vapour"),
    ],
)
def test_what_the_archive_lacks_is_named_before_anything_is_read(
    arco: Web,
    request_: Callable[..., FetchRequest],
    quick: Pace,
    tmp_path: Path,
    changes: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(DataError, match=words):
        run(plan(request_(**changes)), pace=quick)
    assert not list((tmp_path / "fetched").glob("arco_2*.nc"))


def test_an_archive_that_is_not_there_is_told(
    web: Web, request_: Callable[..., FetchRequest], quick: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ARCO_VARIABLE, f"{web.url}/nothing.zarr")
    with pytest.raises(DataError, match="could not be opened"):
        run(plan(request_()), pace=quick)


def test_memory_stays_bounded_whatever_is_asked(
    request_: Callable[..., FetchRequest],
    quick: Pace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """93 MB of fields through slabs of 4 MB."""
    times = np.datetime64("2025-06-01", "ns") + np.arange(80) * np.timedelta64(6, "h")
    upper = {"level": [850], "latitude": np.linspace(90, -90, 181), "longitude": np.arange(360.0)}
    values = np.ones((80, 181, 360), np.float32) * np.arange(80, dtype=np.float32)[:, None, None]
    flat, deep = ("time", "latitude", "longitude"), ("time", "level", "latitude", "longitude")
    names = (*list(_ARCHIVE_NAMES.values())[:4], "geopotential", *list(_ARCHIVE_NAMES.values())[6:])
    fields = {
        name: (flat, values) if n < 4 else (deep, values[:, None]) for n, name in enumerate(names)
    }
    write(xr.Dataset(fields, coords={"time": times, **upper}), tmp_path / "ar.zarr")
    monkeypatch.setenv(ARCO_VARIABLE, str(tmp_path / "ar.zarr"))
    monkeypatch.setattr(archive, "SLAB_BYTES", 4_000_000)
    asked = request_(end="2025-06-20", levels=[850], region=None, statics=False)
    del fields, values
    tracemalloc.start()
    fetched = run(plan(asked), pace=quick)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    found = [xr.load_dataset(file)["atmos_q"][:, 0, 7, 9].values for file in fetched.files]
    assert np.concatenate(found).tolist() == list(range(80))
