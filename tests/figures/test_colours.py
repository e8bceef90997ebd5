from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import colormaps

from aurora_dash.figures.colours import difference_scale, field_scale, plotly_colours
from aurora_dash.variables import CATALOGUE, Group, describe

TEMPERATURE = describe("2t", Group.SURFACE)
WIND = describe("10u", Group.SURFACE)
RAIN = describe("tp", Group.SURFACE)
FIELD = arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32))


def test_every_variable_of_the_catalogue_has_a_colour_map_that_exists() -> None:
    for variable in CATALOGUE:
        assert variable.cmap in colormaps, variable.name


def test_two_fields_share_the_range_of_both() -> None:
    scale = field_scale(TEMPERATURE, [np.float32([[280, 290]]), np.float32([[275, np.nan]])])
    assert (scale.low, scale.high) == (275, 290)


def test_a_signed_variable_is_centred_on_zero() -> None:
    scale = field_scale(WIND, [np.float32([[-3, 8]])])
    assert (scale.low, scale.high) == (-8, 8)


def test_what_cannot_be_negative_starts_at_zero_when_it_comes_near() -> None:
    assert field_scale(RAIN, [np.float32([[0.001, 0.02]])]).low == 0
    ozone = describe("gtco3", Group.SURFACE)
    assert field_scale(ozone, [np.float32([[0.005, 0.008]])]).low == pytest.approx(0.005)


def test_directions_span_the_circle() -> None:
    scale = field_scale(describe("mwd", Group.SURFACE), [np.float32([[10, 20]])])
    assert (scale.low, scale.high, scale.cmap) == (0, 360, "twilight")


@given(FIELD, FIELD)
def test_errors_are_symmetric_about_zero_and_cover_all(one: np.ndarray, other: np.ndarray) -> None:
    scale = difference_scale(TEMPERATURE, [one, other])
    assert scale.low == -scale.high
    assert scale.high >= np.abs([one, other]).max()
    assert scale.high > 0


def test_an_error_never_has_the_colours_of_its_field() -> None:
    for variable in CATALOGUE:
        scale = difference_scale(variable, [np.float32([[1]])])
        assert scale.cmap != variable.cmap
        assert scale.cmap in {"RdBu_r", "PuOr_r"}


@pytest.mark.parametrize("values", [[[5.0, 5.0]], [[np.nan, np.nan]], [[np.inf, 0.0]]])
def test_fields_without_a_range_still_get_one(values: list[list[float]]) -> None:
    for scale in (
        field_scale(TEMPERATURE, [np.float32(values)]),
        difference_scale(TEMPERATURE, [np.float32(values)]),
    ):
        assert np.isfinite([scale.low, scale.high]).all()
        assert scale.low < scale.high


def test_plotly_gets_the_colours_of_matplotlib() -> None:
    colours = plotly_colours("RdBu_r")
    assert colours[0] == (0.0, "#053061")
    assert colours[-1] == (1.0, "#67001f")
