from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.crops import Box, centre, places

sizes = st.integers(1, 50)


@given(sizes, sizes, sizes, sizes)
def test_a_box_begins_anywhere_that_keeps_it_inside(
    height: int, width: int, more_rows: int, more_columns: int
) -> None:
    grid = (height + more_rows - 1, width + more_columns - 1)
    assert places(grid, (height, width)) == (more_rows, more_columns)
    box = centre(grid, (height, width))
    above, below = box.top, grid[0] - box.rows.stop
    left, right = box.left, grid[1] - box.columns.stop
    assert min(above, below, left, right) >= 0
    assert abs(above - below) <= 1
    assert abs(left - right) <= 1
    assert (box.rows.stop - box.rows.start, box.columns.stop - box.columns.start) == (
        height,
        width,
    )


def test_slices_are_those_of_the_place() -> None:
    box = Box(top=2, left=5, height=4, width=8)
    assert (box.rows, box.columns) == (slice(2, 6), slice(5, 13))


@pytest.mark.parametrize("size", [(9, 4), (4, 17)])
def test_a_box_larger_than_the_grid_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit 8 x 16"):
        places((8, 16), size)
