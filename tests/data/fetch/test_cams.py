"""CAMS as the ADS delivers it: archives of NetCDF with forecast dimensions."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.fetch.names import CAMS_ATMOSPHERIC, CAMS_SURFACE
from aurora_dash.data.fetch.pace import Pace
from aurora_dash.data.fetch.plan import plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.run import run
from aurora_dash.data.open import open_files
from aurora_dash.errors import DataError
from tests.data.fetch.cds_server import CdsServer, Inputs

pytestmark = pytest.mark.slow

_IN_THE_FILES = {"2t": "t2m", "10u": "u10", "10v": "v10"}
AIR = FetchRequest.build(
    {
        "source": "cams",
        "variant": "0.4-air-pollution",
        "start": "2023-01-30",
        "end": "2023-02-01",
        "levels": [1000, 850],
        "region": {"north": 45, "south": 44, "west": 5, "east": 6},
        "out": "x",
    }
)


def deliver(collection: str, inputs: Inputs) -> bytes:
    """The file inside is called data_sfc.nc or data_plev.nc; every value is its day's number."""
    first, last = inputs["date"][0].split("/")
    days = np.arange(np.datetime64(first), np.datetime64(last) + np.timedelta64(1, "D"))
    hours = np.array([int(t[:2]) for t in inputs["time"]], "timedelta64[h]")
    reference = (days[:, None] + hours[None]).ravel().astype("datetime64[ns]")
    levels = inputs.get("pressure_level")
    known = {name: short for short, name in (CAMS_ATMOSPHERIC if levels else CAMS_SURFACE).items()}
    north, west, south, east = inputs["area"]
    latitude, longitude = np.arange(north, south - 0.1, -0.4), np.arange(west, east + 0.1, 0.4)
    dims = ["forecast_period", "forecast_reference_time", "latitude", "longitude"]
    shape = [1, len(reference), len(latitude), len(longitude)]
    coords = {
        "forecast_period": ("forecast_period", np.zeros(1), {"units": "hours"}),
        "forecast_reference_time": reference,
        "valid_time": (("forecast_reference_time", "forecast_period"), reference[:, None]),
        "latitude": latitude,
        "longitude": longitude,
    }
    if levels:
        dims.insert(2, "pressure_level")
        shape.insert(2, len(levels))
        numbers = [float(level) for level in levels]
        coords["pressure_level"] = ("pressure_level", numbers, {"units": "hPa"})
    day = (reference.astype("datetime64[D]") - np.datetime64("2023-01-01")).astype(int) + 1
    values = np.broadcast_to(
        day.reshape(1, -1, *([1] * (len(shape) - 2))).astype(np.float32), shape
    )
    fields = {
        _IN_THE_FILES.get(known[name], known[name]): (dims, values) for name in inputs["variable"]
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.nc"
        xr.Dataset(fields, coords=coords).to_netcdf(path, engine="h5netcdf")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, "../data_plev.nc" if levels else "../data_sfc.nc")
    return packed.getvalue()


def test_archives_are_unpacked_and_open_as_one_data_set(
    cds: CdsServer, quick: Pace, tmp_path: Path
) -> None:
    cds.content = deliver
    fetched = run(plan(AIR.replace(out=str(tmp_path / "cams"))), pace=quick)
    assert [path.name for path in fetched.files] == [
        "cams_surface_2023-01-30_2023-01-31.nc",
        "cams_pressure_2023-01-30_2023-01-31.nc",
        "cams_surface_2023-02-01.nc",
        "cams_pressure_2023-02-01.nc",
    ]
    assert not (tmp_path / "data_sfc.nc").exists()
    opened = open_files(fetched.files)
    assert opened.dataset["time"].dt.strftime("%m-%d %H").values.tolist() == [
        *("01-30 00", "01-30 12", "01-31 00", "01-31 12", "02-01 00", "02-01 12")
    ]
    names = {f"surf_{name}" for name in CAMS_SURFACE}
    names |= {f"atmos_{name}" for name in AIR.model.atmospheric}
    assert set(opened.dataset.data_vars) == names
    assert opened.dataset["atmos_so2"][:, 0, 0, 0].values.tolist() == [30, 30, 31, 31, 32, 32]
    opened.close()
    assert {"lsm", "static_nox_log"} <= set(fetched.statics_elsewhere)
    text = (fetched.folder / "ATTRIBUTION.txt").read_text()
    assert "Copernicus Atmosphere Monitoring Service information [2023]" in text


def test_a_damaged_archive_is_refused_and_fetched_anew(
    cds: CdsServer, quick: Pace, tmp_path: Path
) -> None:
    asked = plan(AIR.replace(out=str(tmp_path / "cams")))
    cds.content = lambda collection, inputs: _with_a_flipped_byte(deliver(collection, inputs))
    with pytest.raises(DataError, match="damaged"):
        run(asked, pace=quick)
    for job in cds.jobs.values():
        job.content = deliver(job.collection, job.inputs)
    assert len(run(asked, pace=quick).files) == 4
    assert cds.submissions == 4


def _with_a_flipped_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
