from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aurora_dash.figures import theme

OKABE_ITO = {
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000",
}  # fmt: skip


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_all_colours_but_the_grey_are_okabe_and_itos() -> None:
    assert set(theme.PALETTE) - {theme.GREY} <= OKABE_ITO


@pytest.mark.parametrize("colour", [*theme.PALETTE[:4], theme.GREY])
@pytest.mark.parametrize("page", ["#FFFFFF", "#0E1117"])
def test_the_first_colours_are_seen_on_light_and_on_dark_pages(colour: str, page: str) -> None:
    assert _contrast(colour, page) >= 3.0


# Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113, table of severity 1.0: linear RGB.
SEEN_WITH = {
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]


def _lab(colour: str, eyes: str) -> NDArray[np.float64]:
    """CIE 1976 L*a*b* (white D65) of a colour as those eyes see it."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SEEN_WITH[eyes]) @ linear, 0, 1)
    x, y, z = (
        np.cbrt(v) if v > 216 / 24389 else (24389 / 27 * v + 16) / 116
        for v in np.array(TO_XYZ) @ seen / [0.95047, 1.0, 1.08883]
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", SEEN_WITH)
def test_any_two_colours_differ_for_all_eyes(eyes: str) -> None:
    distances = {
        (one, other): float(np.linalg.norm(_lab(one, eyes) - _lab(other, eyes)))
        for one, other in itertools.combinations(theme.PALETTE, 2)
    }
    # Two is about what one can just see, side by side.
    assert min(distances.values()) >= 15, min(distances, key=distances.__getitem__)


def test_the_pages_own_theme_has_the_same_colours_and_is_readable(repository: Path) -> None:
    chosen = tomllib.loads((repository / ".streamlit/config.toml").read_text())["theme"]
    assert chosen["chartCategoricalColors"] == list(theme.PALETTE)
    for mode in ("light", "dark"):
        colours = chosen[mode]
        page = colours["backgroundColor"]
        for behind in (page, colours["secondaryBackgroundColor"]):
            assert _contrast(colours["textColor"], behind) >= 7
            assert _contrast(colours["linkColor"], behind) >= 4.5
        assert _contrast("#FFFFFF", colours["primaryColor"]) >= 4.5
        assert _contrast(colours["primaryColor"], page) >= 3.0
        for colour in (*theme.PALETTE[:4], theme.GREY):
            assert _contrast(colour, page) >= 3.0


def test_twenty_one_series_look_different() -> None:
    assert len({theme.series_style(index) for index in range(21)}) == 21


def test_a_colour_is_made_see_through() -> None:
    assert theme.faint("#0072B2", 0.25) == "rgba(0,114,178,0.25)"


def test_light_and_dark_differ_in_the_page_not_in_the_series() -> None:
    light, dark = (theme.template(mode).layout for mode in ("light", "dark"))
    assert light.colorway == dark.colorway == theme.PALETTE
    assert _contrast(light.font.color, light.paper_bgcolor) >= 7
    assert _contrast(dark.font.color, dark.paper_bgcolor) >= 7
    assert "transition" not in light.to_plotly_json()
