from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from aurora_dash.figures.raster.wire import Block, Held, pack, unpack

_ARRAYS = st.lists(
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]).flatmap(
        lambda kind: arrays.arrays(kind, st.integers(0, 9))
    ),
    max_size=6,
)


@given(_ARRAYS, st.text(max_size=9))
def test_what_is_unpacked_is_what_was_packed(numbers: list[np.ndarray], title: str) -> None:
    blocks = [Block.of(array) for array in numbers]
    head, found = unpack(pack({"title": title}, blocks))
    assert head["title"] == title
    for block, array in zip(blocks, numbers, strict=True):
        assert found[block.name].tobytes() == array.tobytes()
        assert found[block.name].dtype == array.dtype


def test_equal_numbers_of_one_type_are_one_block() -> None:
    ones = np.ones(4, np.uint16)
    assert Block.of(ones).name == Block.of(ones.copy()).name
    assert Block.of(ones).name != Block.of(ones.view(np.uint8)).name


def test_only_what_is_new_travels_and_what_is_old_is_let_go() -> None:
    first, second, third = (Block.of(np.full(100, value, np.uint16)) for value in (1, 2, 3))
    held = Held(most_bytes=450)
    assert list(unpack(held.bring({}, [first]))[1]) == [first.name]
    head, found = unpack(held.bring({}, [first, second]))
    assert list(found) == [second.name]
    assert head["keep"] == [first.name, second.name]
    head, found = unpack(held.bring({}, [third]))
    assert list(found) == [third.name]
    # Two of 200 bytes are all that it may hold; the one used longest ago goes.
    assert head["keep"] == [second.name, third.name]
    held.forget()
    assert list(unpack(held.bring({}, [third]))[1]) == [third.name]
