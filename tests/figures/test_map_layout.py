from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.figures.map_layout import INNER_WIDTH, fitting_columns, fitting_width, plan


@given(
    num_panels=st.integers(1, 6),
    height_to_width=st.floats(0.1, 4),
)
def test_panels_lie_inside_and_do_not_overlap(num_panels: int, height_to_width: float) -> None:
    scales = tuple(int(index >= 2) for index in range(num_panels))
    places = plan(scales, height_to_width, top=50, bottom=30)
    assert len(places.cells) == num_panels
    assert len(places.bars) == len(set(scales))
    for cell in places.cells:
        assert 0 <= cell.x[0] < cell.x[1] <= 1
        assert 0 < cell.y[0] < cell.y[1] < 1
    for one, other in combinations(places.cells, 2):
        beside = one.x[1] < other.x[0] or other.x[1] < one.x[0]
        above = one.y[1] < other.y[0] or other.y[1] < one.y[0]
        assert beside or above
    for bar in places.bars:
        assert 0 < bar.y < 1
        assert bar.x - bar.length / 2 >= 0
        assert bar.x + bar.length / 2 <= 1


def test_tall_maps_stand_side_by_side_and_globes_in_pairs() -> None:
    assert fitting_columns(2.2, 3) == 3
    assert fitting_columns(0.5, 3) == 2
    assert fitting_columns(0.15, 3) == 1
    assert fitting_columns(0.5, 1) == 1


def test_panels_are_as_tall_as_their_maps() -> None:
    places = plan((0, 0, 1), 0.5, top=50, bottom=30)
    inner = places.height - 80
    cell = places.cells[0]
    drawn_width = (cell.x[1] - cell.x[0]) * INNER_WIDTH
    drawn_height = (cell.y[1] - cell.y[0]) * inner
    assert drawn_height / drawn_width == pytest.approx(0.5, rel=0.01)


def test_a_colour_bar_is_under_the_last_row_of_its_panels() -> None:
    places = plan((0, 0, 1, 1), 0.5, top=50, bottom=30)
    fields, differences = places.bars
    assert fields.y < places.cells[0].y[0]
    assert fields.y > places.cells[2].y[1]
    assert differences.y < places.cells[2].y[0]
    assert fields.x == differences.x == pytest.approx(0.5)


def test_tall_maps_are_printed_without_gaps() -> None:
    assert fitting_width(2.2, 3) < INNER_WIDTH
    assert fitting_width(0.5, 3) == INNER_WIDTH
