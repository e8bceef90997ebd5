from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.humidity import saturation_pressure, specific_humidity
from aurora_dash.errors import DataError


@pytest.mark.parametrize(
    ("celsius", "hectopascal", "tolerance"),
    [
        # World Meteorological Organization tables: over water 0, 20, 30 degC; over ice -30, -40.
        (0.0, 6.11, 0.01),
        (20.0, 23.37, 0.01),
        (30.0, 42.43, 0.01),
        (-30.0, 0.3798, 0.01),
        (-40.0, 0.1284, 0.01),
    ],
)
def test_saturation_is_that_of_the_tables(
    celsius: float, hectopascal: float, tolerance: float
) -> None:
    found = saturation_pressure(np.array(celsius + 273.15))
    assert float(found) / 100 == pytest.approx(hectopascal, rel=tolerance)


def test_saturated_air_at_20_degrees_and_1000_hpa_holds_14_7_grams() -> None:
    dims = ("time", "level", "latitude", "longitude")
    shape = (1, 2, 1, 1)
    dataset = xr.Dataset(
        {
            "atmos_q": (dims, np.full(shape, 100, np.float32), {"units": "%"}),
            "atmos_t": (dims, np.full(shape, 293.15, np.float32)),
        },
        coords={"level": [1000.0, 850.0]},
    )
    converted = specific_humidity(dataset)["atmos_q"]
    assert converted.dims == dims
    assert converted.dtype == np.float32
    assert converted.attrs["units"] == "kg kg-1"
    # q = 0.622 e / (p - 0.378 e) with e = 23.37 hPa
    assert converted.values.ravel() == pytest.approx([0.01466, 0.01728], rel=0.005)


def test_without_temperature_it_can_not_be_done() -> None:
    with pytest.raises(DataError, match="no atmos_t"):
        specific_humidity(xr.Dataset({"atmos_q": ("level", [50.0])}))
