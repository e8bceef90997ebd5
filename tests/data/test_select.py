from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.open import open_files
from aurora_dash.data.select import (
    crop_to_patches,
    select_levels,
    select_period,
    select_region,
)
from aurora_dash.errors import DataError
from aurora_dash.spec import Region
from aurora_dash.variants import get_variant

SMALL = get_variant("small")


@pytest.fixture
def dataset(small_file: Callable[..., Path]) -> xr.Dataset:
    path = small_file(
        num_times=5,
        latitude=np.arange(12.0, 0, -1),
        longitude=np.arange(20.0, 33),
        levels=(1000.0, 850.0, 10.0),
    )
    return open_files([path]).dataset


def _world(step: float = 1.0) -> xr.Dataset:
    latitude, longitude = np.arange(90, -90.1, -step), np.arange(0, 360, step)
    return xr.Dataset(coords={"latitude": latitude, "longitude": longitude})


def _moment(day: int, hour: int) -> datetime:
    return datetime(2024, 1, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (_moment(1, 6), None, [1, 2, 3, 4]),
        (None, _moment(1, 18), [0, 1, 2, 3]),
        (_moment(1, 7), _moment(1, 13), [2]),
        (_moment(1, 6), _moment(1, 12), [1, 2]),
    ],
)
def test_a_period_includes_its_ends(
    dataset: xr.Dataset, start: datetime | None, end: datetime | None, expected: list[int]
) -> None:
    chosen, findings = select_period(dataset, start, end)
    np.testing.assert_array_equal(chosen["time"].values, dataset["time"].values[expected])
    assert bool(findings) == (len(expected) < 5)


def test_a_period_of_another_zone_means_the_same_moments(dataset: xr.Dataset) -> None:
    from zoneinfo import ZoneInfo

    start = datetime(2024, 1, 1, 1, tzinfo=ZoneInfo("America/New_York"))
    assert select_period(dataset, start, None)[0].sizes["time"] == 4


def test_a_period_without_data_says_what_there_is(dataset: xr.Dataset) -> None:
    with pytest.raises(DataError) as error:
        select_period(dataset, _moment(3, 0), None)
    assert "2024-01-01T00:00Z to 2024-01-02T00:00Z" in error.value.message
    assert "data.start" in error.value.remedy


def test_levels_come_in_the_order_asked(dataset: xr.Dataset) -> None:
    chosen, findings = select_levels(dataset, (850.0, 1000.0), SMALL)
    assert chosen["level"].values.tolist() == [850, 1000]
    np.testing.assert_array_equal(chosen["atmos_t"].values, dataset["atmos_t"].values[:, [1, 0]])
    assert [f.code for f in findings] == ["levels"]


def test_levels_unknown_to_the_model_are_left_out_and_said(dataset: xr.Dataset) -> None:
    chosen, (finding,) = select_levels(dataset, None, SMALL)
    assert chosen["level"].values.tolist() == [1000, 850]
    assert finding.severity == "warning"
    assert "10 hPa" in finding.message
    assert [fix.assignments for fix in finding.fixes] == [("data.levels=[1000, 850]",)]


def test_levels_asked_for_although_unknown_are_kept_for_the_check_to_refuse(
    dataset: xr.Dataset,
) -> None:
    chosen, _ = select_levels(dataset, (1000.0, 10.0), SMALL)
    assert chosen["level"].values.tolist() == [1000, 10]


def test_levels_that_are_not_there_are_refused(dataset: xr.Dataset) -> None:
    with pytest.raises(DataError, match=r"500 hPa is not in the data, which has 1000, 850, 10"):
        select_levels(dataset, (850.0, 500.0), SMALL)


def test_data_on_unknown_levels_only_is_refused(dataset: xr.Dataset) -> None:
    with pytest.raises(DataError, match="no statistics for any of the levels 10 hPa"):
        select_levels(dataset.isel(level=[2]), None, SMALL)


def test_a_region_includes_its_edges(dataset: xr.Dataset) -> None:
    region = Region(north=10, south=7, west=22, east=25)
    chosen, (finding,) = select_region(dataset, region)
    assert chosen["latitude"].values.tolist() == [10, 9, 8, 7]
    assert chosen["longitude"].values.tolist() == [22, 23, 24, 25]
    assert "4 x 4 of 12 x 13" in finding.message


def test_a_region_may_be_written_with_negative_longitudes() -> None:
    chosen, _ = select_region(_world(), Region(north=10, south=0, west=-20, east=-10))
    assert chosen["longitude"].values.tolist() == list(range(340, 351))


@pytest.mark.parametrize(("west", "east"), [(0, 360), (-180, 180)])
def test_all_the_way_round_is_everything(west: float, east: float) -> None:
    region = Region(north=90, south=-90, west=west, east=east)
    assert select_region(_world(), region)[0].sizes["longitude"] == 360


@given(
    west=st.integers(-180, 359),
    width=st.integers(1, 359),
)
def test_a_region_holds_just_the_meridians_between_its_sides(west: int, width: int) -> None:
    east = west + width if west + width <= 360 else west + width - 360
    chosen, _ = select_region(_world(), Region(north=1, south=-1, west=west, east=east))
    expected = sorted({(west + i) % 360 for i in range(width + 1)})
    assert chosen["longitude"].values.tolist() == expected


def test_a_region_without_a_point_says_what_there_is(dataset: xr.Dataset) -> None:
    with pytest.raises(DataError) as error:
        select_region(dataset, Region(north=60, south=50, west=0, east=10))
    assert "60 to 50 N, 0 to 10 E" in error.value.message
    assert "latitude 12 to 1" in error.value.message


def test_the_last_rows_and_columns_are_cropped_and_named(dataset: xr.Dataset) -> None:
    cropped, (finding,) = crop_to_patches(dataset, 5)
    assert (cropped.sizes["latitude"], cropped.sizes["longitude"]) == (10, 10)
    xr.testing.assert_equal(cropped, dataset.isel(latitude=slice(0, 10), longitude=slice(0, 10)))
    assert "12 x 13" in finding.message
    assert "10 x 10" in finding.message
    assert "latitudes 2, 1 and longitudes 30, 31, 32" in finding.message


def test_a_grid_that_fits_is_left_alone(dataset: xr.Dataset) -> None:
    assert crop_to_patches(dataset.isel(longitude=slice(12)), 4)[1] == []


def test_a_grid_smaller_than_one_patch_is_refused(dataset: xr.Dataset) -> None:
    with pytest.raises(DataError, match="3 x 13 points is smaller than one patch"):
        crop_to_patches(dataset.isel(latitude=slice(3)), 4)
