from __future__ import annotations

import pytest

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
