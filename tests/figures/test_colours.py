from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aurora_dash.figures.colours import (
    colour_map,
    difference_scale,
    field_scale,
)
from aurora_dash.variables import CATALOGUE, Group, describe

TEMPERATURE = describe("2t", Group.SURFACE)
WIND = describe("10u", Group.SURFACE)
RAIN = describe("tp", Group.SURFACE)
FIELD = arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32))


# Perceptually uniform: matplotlib's own, and Crameri's (https://doi.org/10.1038/s41467-020-19160-7).
SEQUENTIAL = {
    *("viridis", "cividis", "plasma"),
    *("cmc.davos_r", "cmc.devon_r", "cmc.lajolla_r"),
}
DIVERGING = {"cmc.vik", "cmc.bam"}
CYCLIC = {"twilight"}
# What dichromats see of linear RGB: Machado, Oliveira and Fernandes (2009), severity 1.
EYES = {
    "all colours": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def seen(cmap: str, eyes: str = "all colours") -> np.ndarray:
    """65 colours of a map in CIELAB (D65), where equal distances look alike."""
    rgb = colour_map(cmap)(np.linspace(0, 1, 65))[:, :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(EYES[eyes]).T, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
              [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
    xyz = linear @ np.array(to_xyz).T / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def test_every_variable_has_a_colour_map_of_its_kind() -> None:
    assert len(CATALOGUE) > 50
    for variable in CATALOGUE:
        kind = CYCLIC if variable.circular else DIVERGING if variable.diverging else SEQUENTIAL
        assert variable.cmap in kind, variable.name


@pytest.mark.parametrize("cmap", sorted(SEQUENTIAL | DIVERGING | CYCLIC))
def test_equal_steps_of_a_colour_map_look_alike(cmap: str) -> None:
    steps = np.linalg.norm(np.diff(seen(cmap), axis=0), axis=1)
    assert steps.std() / steps.mean() < 0.3
    assert steps.min() / steps.mean() > 0.4


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("cmap", sorted(SEQUENTIAL))
def test_a_sequential_map_goes_one_way_from_dark_to_light_for_all_eyes(
    cmap: str, eyes: str
) -> None:
    lightness = np.diff(seen(cmap, eyes)[:, 0])
    assert (lightness > 0).all() or (lightness < 0).all()


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("cmap", sorted(DIVERGING))
def test_a_diverging_map_is_lightest_at_zero_and_its_sides_differ_for_all_eyes(
    cmap: str, eyes: str
) -> None:
    colours = seen(cmap, eyes)
    assert abs(int(colours[:, 0].argmax()) - 32) <= 2
    assert np.linalg.norm(colours[8] - colours[-9]) > 40


def test_the_two_sides_of_a_diverging_map_are_equally_strong() -> None:
    for cmap in DIVERGING:
        lightness = seen(cmap)[:, 0]
        assert np.abs(lightness - lightness[::-1]).max() < 10


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
        assert scale.cmap in DIVERGING
        assert scale.low == -scale.high


@pytest.mark.parametrize("values", [[[5.0, 5.0]], [[np.nan, np.nan]], [[np.inf, 0.0]]])
def test_fields_without_a_range_still_get_one(values: list[list[float]]) -> None:
    for scale in (
        field_scale(TEMPERATURE, [np.float32(values)]),
        difference_scale(TEMPERATURE, [np.float32(values)]),
    ):
        assert np.isfinite([scale.low, scale.high]).all()
        assert scale.low < scale.high


def test_a_registered_variable_of_both_signs_is_centred_on_zero() -> None:
    anomaly = replace(TEMPERATURE, user_registered=True, cmap="viridis")
    signed = field_scale(anomaly, [np.float32([[-2, 5]])])
    assert (signed.low, signed.high, signed.cmap) == (-5, 5, "cmc.vik")
    nearly = field_scale(anomaly, [np.float32([[-0.1, 5]])])
    assert (nearly.low, nearly.high, nearly.cmap) == (pytest.approx(-0.1), 5, "viridis")
