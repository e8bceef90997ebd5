"""Parts of a data set for the eye, each compared with plain numpy."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data import looking
from aurora_dash.data.demo import demo_dataset
from aurora_dash.spec import DemoSpec
from aurora_dash.variants import get_variant

HOUR = np.timedelta64(1, "h")


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return demo_dataset(DemoSpec(height=16, width=32, num_times=12), get_variant("small"))


def test_a_field_is_that_of_its_level_and_time(dataset: xr.Dataset) -> None:
    found = looking.field(dataset, "atmos_t", level=500, time=3)
    index = dataset["level"].values.tolist().index(500)
    assert np.array_equal(found, dataset["atmos_t"].values[3, index])
    static = looking.field(dataset, "static_z", level=None, time=3)
    assert np.array_equal(static, dataset["static_z"].values)


def test_a_series_is_of_the_nearest_point_west_included(dataset: xr.Dataset) -> None:
    latitudes, longitudes = dataset["latitude"].values, dataset["longitude"].values
    series = looking.point_series(
        dataset,
        "surf_2t",
        level=None,
        latitude=latitudes[4] + 0.1,
        longitude=longitudes[-2] - 360 + 0.1,
    )
    assert (series.latitude, series.longitude) == (latitudes[4], longitudes[-2])
    assert np.array_equal(series.values, dataset["surf_2t"].values[:, 4, -2])
    assert series.stride == 1


def test_a_point_just_west_of_greenwich_may_be_nearest_to_it(dataset: xr.Dataset) -> None:
    near = looking.point_series(dataset, "surf_2t", level=None, latitude=0, longitude=359.9)
    assert near.longitude == 0


def test_a_long_series_is_thinned_and_says_so() -> None:
    times = np.datetime64("2020-01-01T00", "ns") + np.arange(1000) * np.timedelta64(6, "h")
    values = np.arange(1000, dtype=np.float32)[:, None, None]
    dataset = xr.Dataset(
        {"surf_2t": (("time", "latitude", "longitude"), values)},
        coords={"time": times, "latitude": [50.0], "longitude": [8.0]},
    )
    series = looking.point_series(dataset, "surf_2t", level=None, latitude=50, longitude=8)
    assert series.stride == 3
    assert len(series.times) <= looking.MAX_SERIES_TIMES
    assert np.array_equal(series.values, np.arange(0, 1000, 3))


def _global(num_times: int) -> tuple[xr.Dataset, list[int]]:
    """Fields that are decoded whole, whatever is wanted of them, and the times decoded so far."""
    decoded: list[int] = []

    def decode(positions: np.ndarray) -> np.ndarray:
        decoded.extend(positions.tolist())
        return np.broadcast_to(positions[:, None, None], (positions.size, 4, 8)).astype("float32")

    times = dask.array.arange(num_times, chunks=1)
    fields = times.map_blocks(
        decode,
        new_axis=[1, 2],
        chunks=((1,) * num_times, (4,), (8,)),
        meta=np.empty((0, 0, 0), "float32"),
    )
    dataset = xr.Dataset(
        {"surf_2t": (("time", "latitude", "longitude"), fields)},
        coords={
            "time": np.datetime64("2020-01-01", "ns") + np.arange(num_times) * HOUR,
            "latitude": np.linspace(75, -75, 4),
            "longitude": np.arange(8) * 45.0,
        },
    )
    return dataset, decoded


@pytest.mark.parametrize(
    ("num_times", "seconds", "stride"),
    [(300, 0, 64), (300, 600, 1), (1000, 0, 192), (1000, 600, 3), (7, 0, 1), (1, 0, 1)],
)
def test_a_series_is_as_fine_as_there_is_time_for(
    num_times: int, seconds: float, stride: int
) -> None:
    dataset, decoded = _global(num_times)
    series = looking.point_series(
        dataset, "surf_2t", level=None, latitude=0, longitude=0, seconds=seconds
    )
    wanted = list(range(0, num_times, stride))
    assert series.stride == stride
    assert series.values.tolist() == wanted
    assert np.array_equal(series.times, dataset["time"].values[wanted])
    # No field is decoded twice, and none that is not shown.
    assert sorted(decoded) == wanted
    assert len(wanted) <= (looking.MAX_SERIES_TIMES if seconds else 8)


def test_a_sample_is_bounded(dataset: xr.Dataset) -> None:
    whole = looking.sample(dataset, "surf_2t", level=None)
    assert whole.shape == (8, 16, 32)
    big = xr.Dataset(
        {"static_z": (("latitude", "longitude"), np.zeros((800, 900), np.float32))},
        coords={"latitude": np.arange(800.0), "longitude": np.arange(900.0)},
    )
    assert looking.sample(big, "static_z", level=None).size <= looking.MAX_SAMPLE_VALUES


def test_the_calendar_shows_where_times_are_missing() -> None:
    step = np.timedelta64(6, "h")
    times = np.datetime64("2024-02-28T00", "s") + np.arange(12) * step
    kept = np.delete(times, [5, 6])
    found = looking.coverage(kept)
    assert found is not None
    assert found.rows == ("2024-02", "2024-03")
    assert found.step_hours == 6
    # 28 and 29 February and 1 March, four times each; two of the 29th are gone.
    assert found.expected[0, 27:29].tolist() == [4, 4]
    assert found.present[0, 27:29].tolist() == [4, 2]
    assert found.expected[1, 0] == found.present[1, 0] == 4
    assert found.expected.sum() == 12
    assert found.num_missing == 2


def test_a_long_period_is_shown_by_month() -> None:
    times = np.arange(np.datetime64("2000-01-01"), np.datetime64("2010-01-01"))
    found = looking.coverage(times)
    assert found is not None
    assert found.rows == tuple(str(year) for year in range(2000, 2010))
    assert found.present[4, 1] == 29
    assert found.num_missing == 0
    assert looking.coverage(times[:1]) is None


@given(
    st.lists(st.integers(0, 400), min_size=3, max_size=60, unique=True),
    st.sampled_from([1, 3, 6, 12, 24]),
)
def test_no_time_is_lost_or_counted_twice(positions: list[int], hours: int) -> None:
    start = np.datetime64("2023-11-30T18", "s")
    times = start + np.sort(np.array(positions)) * np.timedelta64(hours, "h")
    found = looking.coverage(times)
    assert found is not None
    assert found.present.sum() == len(positions)
    assert found.expected.sum() >= 1


@given(
    st.lists(st.integers(0, 5000), min_size=2, max_size=40, unique=True),
    st.sampled_from([60, 3600, 10_800, 86_400]),
)
def test_the_expected_times_are_those_one_would_write_down(
    positions: list[int], seconds: int
) -> None:
    times = np.datetime64("2023-11-30T18", "s") + np.sort(positions) * np.timedelta64(seconds, "s")
    found = looking.coverage(times)
    assert found is not None
    step = np.timedelta64(round(found.step_hours * 3600), "s")
    expected = np.zeros_like(found.expected)
    for moment in np.arange(times[0], times[-1] + np.timedelta64(1, "s"), step):
        year, month, day = (int(part) for part in str(moment)[:10].split("-"))
        by_day = len(found.columns) == 31
        row = found.rows.index(f"{year}-{month:02}" if by_day else str(year))
        expected[row, (day if by_day else month) - 1] += 1
    assert np.array_equal(found.expected, expected)


def test_a_few_seconds_among_many_years_are_counted_without_writing_them_down() -> None:
    burst = np.datetime64("1960-01-01", "ns") + np.arange(5) * np.timedelta64(1, "s")
    found = looking.coverage(np.append(burst, np.datetime64("2060-01-01", "ns")))
    assert found is not None
    # 100 years of seconds, 25 leap days among them.
    assert found.expected.sum() == (100 * 365 + 25) * 86_400 + 1
    assert found.present.sum() == 6


def test_times_within_one_second_have_no_calendar() -> None:
    times = np.datetime64("2020-01-01", "ns") + np.arange(3) * np.timedelta64(100, "ms")
    assert looking.coverage(times) is None
