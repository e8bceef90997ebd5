from __future__ import annotations

from datetime import UTC, datetime

import cftime
import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.times import format_time, hours_between, standard_time, utc_datetimes
from aurora_dash.errors import DataError


def _times(*hours: float) -> np.ndarray:
    return np.datetime64("2024-01-01T00", "ns") + (np.array(hours) * 60).astype("timedelta64[m]")


def _forecast(references: list[float], leads: list[float], **names: str) -> xr.Dataset:
    """Each value is the valid time in hours."""
    reference, lead = names.get("reference", "time"), names.get("lead", "step")
    values = np.add.outer(references, leads).astype(float)
    return xr.Dataset(
        {"f": ((reference, lead), values)},
        coords={
            reference: _times(*references),
            lead: np.array(leads) * np.timedelta64(1, "h"),
        },
    )


def test_times_are_aware_and_in_utc() -> None:
    (moment,) = utc_datetimes(_times(30.5))
    assert moment == datetime(2024, 1, 2, 6, 30, tzinfo=UTC)
    assert moment.utcoffset() is not None
    assert format_time(_times(30.5)[0]) == "2024-01-02T06:30Z"


def test_differences_are_in_hours() -> None:
    assert hours_between(_times(0, 6, 18)).tolist() == [6, 12]
    assert hours_between(_times(0)).size == 0


@pytest.mark.parametrize("name", ["valid_time", "time", "datetime"])
def test_the_axis_is_found_under_its_usual_names(name: str) -> None:
    dataset = xr.Dataset({"f": (name, [1.0, 2.0])}, coords={name: _times(0, 6)})
    result, findings = standard_time(dataset, "file")
    assert result["f"].dims == ("time",)
    assert result["time"].dtype == np.dtype("datetime64[ns]")
    assert findings == []


def test_coarse_time_units_become_nanoseconds() -> None:
    dataset = xr.Dataset({"f": ("time", [1.0])}, coords={"time": _times(6).astype("datetime64[s]")})
    assert standard_time(dataset, "file")[0]["time"].values[0] == _times(6)[0]


def test_a_single_time_given_as_a_scalar_becomes_an_axis() -> None:
    dataset = xr.Dataset(
        {"f": ("x", [1.0])}, coords={"valid_time": _times(3)[0], "time": _times(0)[0]}
    )
    result, _ = standard_time(dataset, "file")
    assert result["f"].dims == ("time", "x")
    assert result["time"].values.tolist() == _times(3).tolist()


def test_a_dataset_without_time_is_left_as_it_is() -> None:
    dataset = xr.Dataset({"f": ("x", [1.0])})
    assert standard_time(dataset, "file") == (dataset, [])


def test_times_out_of_order_are_sorted_with_their_fields() -> None:
    dataset = xr.Dataset({"f": ("time", [12.0, 0, 6])}, coords={"time": _times(12, 0, 6)})
    result, findings = standard_time(dataset, "file.nc")
    assert result["f"].values.tolist() == [0, 6, 12]
    assert [f.code for f in findings] == ["times-sorted"]
    assert "file.nc" in findings[0].message


@pytest.mark.parametrize("lead", ["step", "forecast_period", "prediction_timedelta"])
@pytest.mark.parametrize("reference", ["time", "forecast_reference_time"])
def test_leads_of_one_forecast_are_placed_at_their_valid_times(lead: str, reference: str) -> None:
    dataset = _forecast([6], [0, 24, 48], lead=lead, reference=reference)
    for variant in (dataset, dataset.squeeze(reference)):
        result, findings = standard_time(variant, "file")
        assert result["f"].dims == ("time",)
        assert result["f"].values.tolist() == [6, 30, 54]
        assert result["time"].values.tolist() == _times(6, 30, 54).tolist()
        assert [f.code for f in findings] == ["forecast"]
        assert "0 to 48 hours" in findings[0].message


def test_short_forecasts_from_several_starts_are_joined_in_time() -> None:
    # As ERA5 delivers accumulated fields: two starts a day with leads up to 12 hours.
    result, findings = standard_time(_forecast([18, 6], [6, 12]), "file")
    assert result["f"].values.tolist() == [12, 18, 24, 30]
    assert result["time"].values.tolist() == _times(12, 18, 24, 30).tolist()
    assert "forecast" in [f.code for f in findings]


def test_a_valid_time_of_two_dimensions_is_used_as_given() -> None:
    dataset = _forecast([0, 12], [6, 12])
    dataset = dataset.assign_coords(valid_time=dataset["time"] + dataset["step"])
    assert standard_time(dataset, "file")[0]["f"].values.tolist() == [6, 12, 18, 24]


def test_analyses_with_a_lead_of_zero_are_no_forecasts() -> None:
    dataset = xr.Dataset(
        {"f": ("time", [1.0, 2])}, coords={"time": _times(0, 6), "step": np.timedelta64(0, "h")}
    )
    dataset = dataset.assign_coords(valid_time=dataset["time"] + dataset["step"])
    result, findings = standard_time(dataset, "file")
    assert findings == []
    assert list(result.coords) == ["time"]


def test_forecasts_valid_at_the_same_time_are_refused() -> None:
    with pytest.raises(DataError, match=r"1 time.* 2024-01-01T12:00Z") as error:
        standard_time(_forecast([0, 6], [6, 12]), "file.nc")
    assert "file.nc" in error.value.message
    assert "one lead" in error.value.remedy


def test_of_a_repeated_time_the_first_is_kept_and_it_is_an_error_finding() -> None:
    dataset = xr.Dataset({"f": ("time", [1.0, 2, 3])}, coords={"time": _times(0, 6, 6)})
    ordered, (finding,) = standard_time(dataset, "file")
    assert ordered["f"].values.tolist() == [1, 2]
    assert finding.severity == "error"
    assert "more than once, first 2024-01-01T06:00Z" in finding.message
    assert [fix.label for fix in finding.fixes] == ["Keep the first of each", "Drop these times"]


def test_a_missing_time_is_refused() -> None:
    values = _times(0, 6)
    values[1] = np.datetime64("NaT")
    dataset = xr.Dataset({"f": ("time", [1.0, 2])}, coords={"time": values})
    with pytest.raises(DataError, match="time number 2 of 2 is missing"):
        standard_time(dataset, "file")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([cftime.DatetimeNoLeap(2024, 2, 28), cftime.DatetimeNoLeap(2024, 3, 1)], "DatetimeNoLeap"),
        ([0, 6], "int64"),
    ],
)
def test_an_axis_that_holds_no_dates_is_refused(values: list[object], found: str) -> None:
    dataset = xr.Dataset({"f": ("time", [1.0, 2])}, coords={"time": values})
    with pytest.raises(DataError, match=found) as error:
        standard_time(dataset, "file")
    assert "standard calendar" in error.value.message


def test_a_time_dimension_without_times_is_refused() -> None:
    with pytest.raises(DataError, match="time dimension without times"):
        standard_time(xr.Dataset({"f": ("time", [1.0])}), "file")
