from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aurora_dash.figures.raster.code import STEPS, Code

_FIELDS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(
        st.floats(-1e6, 1e6, width=32), st.just(float("nan")), st.just(float("inf"))
    ),
)


@given(_FIELDS)
def test_what_is_read_is_what_was_written_to_half_a_step(field: np.ndarray) -> None:
    code = Code.spanning(field)
    codes = code.write(field)
    finite = np.isfinite(field)
    assert codes.dtype == np.uint16
    np.testing.assert_array_equal(codes == 0, ~finite)
    read = code.read(codes)
    assert np.isnan(read[~finite]).all()
    values = field[finite].astype(np.float64)
    # Half a step, and what float32 can't hold of the span's ends.
    span = float(values.max() - values.min()) if values.size else 0.0
    allowed = 0.51 * span / STEPS + 1e-6 * np.abs(values).max(initial=0) + 1e-30
    assert np.abs(read[finite] - values).max(initial=0) <= allowed


def test_the_ends_of_a_field_are_the_first_and_the_last_code() -> None:
    field = np.array([[-3.0, 0.0, 5.0]], np.float32)
    code = Code.spanning(field)
    assert (code.low, code.high) == (-3.0, 5.0)
    assert code.write(field)[0, [0, 2]].tolist() == [1, 65535]


def test_a_field_of_one_value_and_one_of_none() -> None:
    same = Code.spanning(np.full((2, 2), 7.0, np.float32))
    assert same.read(same.write(np.full((2, 2), 7.0, np.float32))).tolist() == [[7.0, 7.0]] * 2
    nothing = np.full((2, 2), np.nan, np.float32)
    assert not Code.spanning(nothing).write(nothing).any()
