from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aurora_dash.data import infill
from aurora_dash.data.infill import (
    filled_of,
    hide_filled,
    infill_space,
    infill_time,
)
from aurora_dash.data.reading import read_values
from aurora_dash.data.steps import StepReader, Steps
from aurora_dash.data.workers import Workers

KEY = "surf_2t"


def _dataset(values: np.ndarray, *, hours: list[float] | None = None) -> xr.Dataset:
    """Values (time, latitude, longitude) in blocks of two times, as files are read."""
    num_times, height, width = values.shape
    steps = np.arange(num_times) * 6 if hours is None else np.array(hours)
    times = np.datetime64("2025-06-01", "ns") + (steps * 3.6e12).astype("timedelta64[ns]")
    array = xr.DataArray(
        values.astype(np.float32), dims=("time", "latitude", "longitude"), attrs={"units": "K"}
    )
    return xr.Dataset(
        {KEY: array},
        coords={
            "time": times,
            "latitude": 50.0 - np.arange(height),
            "longitude": 10.0 + np.arange(width),
        },
    ).chunk({"time": 2})


def _values(dataset: xr.Dataset) -> np.ndarray:
    return read_values(dataset[KEY])


def test_between_two_times_it_is_linear_in_hours_not_in_steps() -> None:
    values = np.zeros((4, 2, 2))
    values[:, 0, 0] = [1, np.nan, np.nan, 10]
    filled = _values(infill_time(_dataset(values, hours=[0, 6, 9, 18]), KEY, max_hours=24))
    # 1 + 9 * 6 / 18 and 1 + 9 * 9 / 18
    np.testing.assert_allclose(filled[:, 0, 0], [1, 4, 5.5, 10])


def test_nothing_is_extrapolated_and_far_neighbours_do_not_count() -> None:
    values = np.ones((6, 1, 2))
    values[[0, 2, 3], 0, 0] = np.nan
    values[5, 0, 1] = np.nan
    filled = _values(infill_time(_dataset(values), KEY, max_hours=11))
    # Time 2 has its next value 12 h later; the ends have a neighbour on one side only.
    assert np.isnan(filled[[0, 2, 3], 0, 0]).all()
    assert np.isnan(filled[5, 0, 1])
    assert np.isfinite(_values(infill_time(_dataset(values), KEY, max_hours=12))[2:4]).all()


def test_infinite_values_are_missing_too() -> None:
    values = np.ones((3, 1, 1))
    values[1] = np.inf
    assert _values(infill_time(_dataset(values), KEY, max_hours=12))[1, 0, 0] == 1


def test_directions_go_the_short_way_round() -> None:
    values = np.full((3, 1, 3), np.nan)
    values[0], values[2] = 350, 20
    filled = infill_time(_dataset(values), KEY, max_hours=12, circular=True)
    np.testing.assert_allclose(_values(filled)[1], 5, atol=1e-3)
    values = np.array([[[350, np.nan, 20]]])
    around = infill_space(_dataset(values), KEY, circular=True)
    np.testing.assert_allclose(_values(around)[0, 0, 1], 5, atol=1e-3)


def test_a_linear_field_is_restored_inside() -> None:
    rows, columns = np.mgrid[0:7, 0:9]
    plane = 2.0 * rows - 3.0 * columns + 5
    holed = plane.copy()
    holed[2:4, 3:6] = np.nan
    filled = _values(infill_space(_dataset(holed[np.newaxis]), KEY))
    np.testing.assert_allclose(filled[0], plane, rtol=1e-5)


def test_a_field_with_a_single_value_is_filled_with_it_and_an_empty_one_left() -> None:
    values = np.full((2, 3, 4), np.nan)
    values[0, 1, 2] = 7
    filled = _values(infill_space(_dataset(values), KEY))
    assert (filled[0] == 7).all()
    assert np.isnan(filled[1]).all()


def test_classes_are_never_mixed() -> None:
    values = np.array([[[1.0, np.nan, np.nan, 6.0]]])
    filled = _values(infill_space(_dataset(values), KEY, categorical=True))
    assert filled[0, 0].tolist() == [1, 1, 6, 6]


def test_around_the_globe_the_first_longitude_is_a_neighbour_of_the_last() -> None:
    values = np.array([[[np.nan, 4.0, 0.0, 2.0]]])
    dataset = _dataset(values).assign_coords(longitude=[0.0, 90.0, 180.0, 270.0])
    assert _values(infill_space(dataset, KEY))[0, 0, 0] == 3


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, (5, 3, 4), elements=st.floats(-50, 50, width=16)),
    hnp.arrays(np.bool_, (5, 3, 4)),
)
def test_what_is_known_stays_and_what_is_filled_lies_between_the_known(
    values: np.ndarray, gone: np.ndarray
) -> None:
    holed = np.where(gone, np.nan, values)
    for filled in (
        infill_time(_dataset(holed), KEY, max_hours=100),
        infill_space(_dataset(holed), KEY),
    ):
        result = _values(filled)
        np.testing.assert_array_equal(result[~gone], holed[~gone].astype(np.float32))
        new = gone & np.isfinite(result)
        if new.any():
            assert result[new].min() >= np.nanmin(holed) - 1e-3
            assert result[new].max() <= np.nanmax(holed) + 1e-3
        mask = filled_of(filled[KEY])
        assert mask is not None
        np.testing.assert_array_equal(read_values(mask), gone)


def test_time_interpolation_is_that_of_numpy() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(9, 2, 3))
    holed = values.copy()
    holed[rng.random(values.shape) < 0.4] = np.nan
    filled = _values(infill_time(_dataset(holed), KEY, max_hours=1000))
    steps = np.arange(9)
    for row, column in np.ndindex(2, 3):
        series = holed[:, row, column]
        known = np.isfinite(series)
        expected = np.interp(steps, steps[known], series[known], left=np.nan, right=np.nan)
        np.testing.assert_allclose(filled[:, row, column], expected, atol=1e-5)


def test_the_mask_follows_selections_and_a_second_infill_keeps_the_first() -> None:
    values = np.ones((4, 2, 3))
    values[1, 0, 0] = np.nan
    values[0, 1, 2] = np.nan
    dataset = infill_space(infill_time(_dataset(values), KEY, max_hours=12), KEY)
    cut = dataset.isel(time=[0, 1], longitude=slice(0, 3, 2))
    mask = filled_of(cut[KEY])
    assert mask is not None
    assert np.argwhere(read_values(mask)).tolist() == [[0, 1, 1], [1, 0, 0]]
    assert list(cut.data_vars) == [KEY]


def test_as_a_target_what_was_filled_is_missing_again() -> None:
    values = np.ones((3, 2, 2))
    values[1, 0, 1] = np.nan
    dataset = infill_time(_dataset(values), KEY, max_hours=12)
    steps = Steps(StepReader(dataset, [KEY], workers=Workers(1), computed={}), keep_bytes=0)
    step = steps.take([1])[1]
    assert np.isfinite(step[KEY]).all()
    target = hide_filled(step)
    assert list(target) == [KEY]
    assert np.argwhere(np.isnan(target[KEY])).tolist() == [[0, 1]]


def test_only_the_neighbours_of_what_is_missing_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.ones((40, 2, 2))
    values[20, 0, 0] = np.nan
    dataset = infill_time(_dataset(values), KEY, max_hours=24)
    read: list[int] = []
    original = infill.read_values

    def watch(array: xr.DataArray) -> np.ndarray:
        read.append(array.sizes["time"])
        return original(array)

    monkeypatch.setattr(infill, "read_values", watch)
    assert np.isfinite(read_values(dataset[KEY].isel(time=20))).all()
    # Its own block of two times, and one time to each side.
    assert read == [2, 1, 1]
    read.clear()
    read_values(dataset[KEY].isel(time=4))
    assert read == [2]
