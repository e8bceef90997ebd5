"""ERA5's accumulations become the one-hour variables of Aurora 1.5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.data.fetch.hourly import name_hourly
from aurora_dash.data.fetch.sources import Wanted, find_source, find_variable
from aurora_dash.data.open import open_files
from aurora_dash.variables import Group
from tests.data.conftest import small_dataset


def test_precipitation_is_found_as_the_model_calls_it(tmp_path: Path) -> None:
    dataset = small_dataset()
    rain = dataset["t2m"].assign_attrs(units="m")
    path = tmp_path / "accumulated.nc"
    dataset.drop_vars("t2m").assign(tp=rain).to_netcdf(path, engine="h5netcdf")
    wanted = Wanted(group=Group.SURFACE, name="scaled_tp_1h", store_name="total_precipitation")
    name_hourly([path], [wanted])
    opened = open_files([path])
    assert np.array_equal(opened.dataset["surf_scaled_tp_1h"].values, rain.values)
    assert "surf_tp" not in opened.dataset
    opened.close()
    with xr.open_dataset(path, engine="h5netcdf") as found:
        assert found["surf_scaled_tp_1h"].attrs["source_name"] == "tp"


def test_plain_precipitation_keeps_its_name(tmp_path: Path) -> None:
    dataset = small_dataset().rename(t2m="tp")
    path = tmp_path / "accumulated.nc"
    dataset.to_netcdf(path, engine="h5netcdf")
    before = path.read_bytes()
    name_hourly([path], [find_variable(find_source("era5", "era5"), "tp")])
    assert path.read_bytes() == before
