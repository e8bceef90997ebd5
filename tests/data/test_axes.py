from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.axes import (
    describe_grid,
    longitude_break,
    spacing,
    standard_grid,
    standard_level,
)
from aurora_dash.errors import DataError


def _grid(latitude: object, longitude: object, **names: str) -> xr.Dataset:
    lat, lon = np.asarray(latitude, dtype=float), np.asarray(longitude, dtype=float)
    # Each value tells its own place, so that a field out of step with its axes shows.
    values = lat[:, None] * 1000 + np.mod(lon, 360)[None, :]
    lat_name, lon_name = names.get("lat", "latitude"), names.get("lon", "longitude")
    return xr.Dataset({"f": ((lat_name, lon_name), values)}, coords={lat_name: lat, lon_name: lon})


def _assert_in_step(dataset: xr.Dataset) -> None:
    expected = dataset["latitude"] * 1000 + dataset["longitude"]
    np.testing.assert_allclose(
        dataset["f"].transpose("latitude", "longitude").values, expected.values, atol=1e-3
    )


@given(
    west=st.floats(-180, 359).map(lambda x: round(x, 2)),
    step=st.sampled_from([0.1, 0.25, 0.4, 1.0, 5.625]),
    width=st.integers(1, 40),
    ascending=st.booleans(),
)
def test_fields_stay_in_step_with_their_axes(
    west: float, step: float, width: int, ascending: bool
) -> None:
    latitude = [10.0, 11.0, 12.0] if ascending else [12.0, 11.0, 10.0]
    dataset, _ = standard_grid(_grid(latitude, west + step * np.arange(width)), "file")
    longitude = dataset["longitude"].values
    assert np.all((longitude >= 0) & (longitude < 360))
    assert np.all(np.diff(longitude) > 0)
    assert dataset["latitude"].values.tolist() == [12, 11, 10]
    _assert_in_step(dataset)


@pytest.mark.parametrize("start", [-180.0, -179.5, 0.0, 0.5, 90.0])
def test_a_global_grid_begins_at_its_smallest_longitude_without_a_gap(start: float) -> None:
    dataset, _ = standard_grid(_grid([1.0, 0.0], start + np.arange(0, 360, 0.5)), "file")
    longitude = dataset["longitude"].values
    assert longitude.size == 720
    assert longitude[0] < 0.5
    assert longitude_break(longitude) is None
    _assert_in_step(dataset)


@pytest.mark.parametrize("ends", [(-180.0, 180.0), (0.0, 360.0)])
def test_a_meridian_given_at_both_ends_is_kept_once(ends: tuple[float, float]) -> None:
    dataset, findings = standard_grid(_grid([1.0, 0.0], np.linspace(*ends, 361)), "file")
    assert dataset["longitude"].values.tolist() == list(range(360))
    assert "meridian-dropped" in [finding.code for finding in findings]
    _assert_in_step(dataset)


def test_single_precision_coordinates_become_the_numbers_they_stand_for() -> None:
    longitude = np.arange(20.0, 24.0, 0.1, dtype=np.float32)
    dataset, findings = standard_grid(_grid([0.4, 0.3, 0.2], longitude), "file")
    assert dataset["longitude"].values[3] == 20.3
    assert findings == []


def test_a_point_a_hair_below_360_is_not_lost_outside() -> None:
    dataset, _ = standard_grid(_grid([1.0, 0.0], [359.0, 359.9999999]), "file")
    assert dataset["longitude"].values.tolist() == [0, 359]


@pytest.mark.parametrize("names", [("lat", "lon"), ("y", "x"), ("nav_lat", "nav_lon")])
def test_axes_are_found_under_other_names(names: tuple[str, str]) -> None:
    dataset, _ = standard_grid(_grid([1.0, 0.0], [5.0, 6.0], lat=names[0], lon=names[1]), "file")
    assert set(dataset.dims) == {"latitude", "longitude"}


def test_axes_are_found_by_their_units() -> None:
    dataset = _grid([1.0, 0.0], [5.0, 6.0], lat="north", lon="east")
    dataset["north"].attrs["units"] = "degrees_north"
    dataset["east"].attrs["standard_name"] = "longitude"
    assert set(standard_grid(dataset, "file")[0].dims) == {"latitude", "longitude"}


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (_grid([1, 0], [5, 6], lat="a"), ["no latitude", "a, longitude"]),
        (_grid([91, 90], [5, 6]), ["latitude 91", "-90 to 90"]),
        (_grid([1, 3, 2], [5, 6]), ["neither rise nor fall", "1, 3, 2"]),
        (_grid([1, 1], [5, 6]), ["neither rise nor fall"]),
        (_grid([1, np.nan], [5, 6]), ["1 of its 2 latitudes are missing"]),
        (_grid([1, 0], [5, 5]), ["longitude 5 is there more than once"]),
        (_grid([1, 0], [5, 4000]), ["4000 makes no sense"]),
        (
            xr.Dataset(
                {"f": (("j", "i"), np.zeros((2, 2)))},
                coords={"lat": (("j", "i"), np.ones((2, 2))), "lon": (("j", "i"), np.ones((2, 2)))},
            ),
            ["curvilinear", "2 x 2"],
        ),
        (
            xr.Dataset(
                {"f": ("cell", np.zeros(3))},
                coords={"lat": ("cell", np.arange(3.0)), "lon": ("cell", np.arange(3.0))},
            ),
            ["unstructured"],
        ),
    ],
)
def test_what_is_no_regular_grid_is_refused_with_the_value(
    dataset: xr.Dataset, words: list[str]
) -> None:
    with pytest.raises(DataError) as error:
        standard_grid(dataset, "file.nc")
    assert error.value.message.startswith("file.nc")
    assert all(word in error.value.message for word in words)
    assert error.value.remedy


def _levels(values: list[float], units: str | None, name: str = "level") -> xr.Dataset:
    dataset = xr.Dataset({"t": (name, np.arange(len(values)))}, coords={name: values})
    if units is not None:
        dataset[name].attrs["units"] = units
    return dataset


@pytest.mark.parametrize(
    ("values", "units", "name", "expected"),
    [
        ([1000, 500], "hPa", "isobaricInhPa", [1000, 500]),
        ([1000, 500], "millibars", "level", [1000, 500]),
        ([100_000, 50_000], "Pa", "plev", [1000, 500]),
        ([100_000, 50_000], None, "plev", [1000, 500]),
        ([500, 1000], None, "level", [500, 1000]),
        ([999.9999999, 0.5], "hPa", "pressure_level", [1000, 0.5]),
    ],
)
def test_levels_come_out_in_hpa_in_the_order_of_the_file(
    values: list[float], units: str | None, name: str, expected: list[float]
) -> None:
    dataset, findings = standard_level(_levels(values, units, name), "file")
    assert dataset["level"].values.tolist() == expected
    converted = [f.code for f in findings] == ["levels-converted"]
    assert converted == (max(values) > 2000)


def test_a_single_scalar_level_becomes_an_axis_of_one() -> None:
    dataset = _levels([500], "hPa", "pressure_level").squeeze()
    assert standard_level(dataset, "file")[0]["t"].dims == ("level",)


def test_an_axis_that_is_no_pressure_is_left_alone() -> None:
    dataset = _levels([1, 2], "m", "lev")
    assert "level" not in standard_level(dataset, "file")[0].dims


@pytest.mark.parametrize("values", [[500, 500], [500, -1], [500, np.nan]])
def test_levels_that_repeat_or_make_no_sense_are_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match="pressure levels 500"):
        standard_level(_levels(values, "hPa"), "file")


def test_spacing_is_told_only_where_it_is_even() -> None:
    assert spacing(np.array([70, 69.75, 69.5])) == pytest.approx(0.25)
    assert spacing(np.array([70, 69.75, 69.0])) is None
    assert spacing(np.array([70.0])) is None


def test_a_grid_across_greenwich_is_described_as_people_think_of_it() -> None:
    text = describe_grid(np.array([2.0, 1.0]), np.array([0.0, 1, 2, 357, 358, 359]))
    assert text == "2 x 6 points, latitude 2 to 1, longitude -3 to 2, 1 degrees"
