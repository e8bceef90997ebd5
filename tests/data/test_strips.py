"""Samples that are views of steps beside each other are those that are copied, and stay so."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.data.buffers import Buffers
from aurora_dash.data.steps import StepReader
from aurora_dash.data.strips import Strips, Views
from aurora_dash.data.workers import Workers

_TIMES = 30


class _Noting(StepReader):
    """Notes which times are read; fails at `broken`."""

    broken: int | None = None

    def __init__(self) -> None:
        values = np.arange(_TIMES * 6, dtype=np.float32).reshape(_TIMES, 2, 3)
        dims = ("time", "latitude", "longitude")
        dataset = xr.Dataset({"surf_2t": (dims, values), "surf_msl": (dims, -values)})
        super().__init__(
            dataset,
            ["surf_2t", "surf_msl"],
            workers=Workers(1),
            computed={"surf_insolation": lambda index: np.full((2, 3), index, np.float32)},
        )
        self.times_read: list[int] = []

    def read(self, index, step) -> None:
        self.times_read.append(index)
        if index == self.broken:
            raise OSError("broken")
        super().read(index, step)


def _strips(reader: StepReader, *, keep: int = 3, length: int = 5) -> Strips:
    return Strips(reader, Buffers(), keep_steps=keep, length=length)


def _holds(views: Views, indices: tuple[int, ...]) -> bool:
    first = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = np.stack([first + 6 * index for index in indices])[None]
    moments = np.broadcast_to(np.array(indices, np.float32)[:, None, None], (len(indices), 2, 3))
    return (
        np.array_equal(views["surf_2t"], expected)
        and np.array_equal(views["surf_msl"], -expected)
        and np.array_equal(views["surf_insolation"], moments[None])
    )


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_is_taken_and_held_keeps_its_values(data: st.DataObject) -> None:
    keep, spare = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 3))
    num_inputs, gap = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    num_targets = data.draw(st.integers(1, 3))
    strips = _strips(_Noting(), keep=keep, length=num_inputs + spare)
    last = _TIMES - gap * (num_inputs + num_targets - 1) - 1
    walk = st.tuples(st.integers(0, last), st.sampled_from([1, 4]))
    walks = data.draw(st.lists(walk, min_size=1, max_size=9))
    starts = [start + n for start, length in walks for n in range(length) if start + n <= last]
    held: list[tuple[Views, tuple[int, ...]]] = []
    for start in starts:
        indices = tuple(start + gap * n for n in range(num_inputs + num_targets))
        inputs, targets = strips.take(indices[:num_inputs], indices[num_inputs:])
        held.append((inputs, indices[:num_inputs]))
        held += [(t, (i,)) for t, i in zip(targets, indices[num_inputs:], strict=True)]
        if data.draw(st.booleans()):
            del held[: data.draw(st.integers(0, len(held)))]
        assert all(_holds(views, wanted) for views, wanted in held)


@pytest.mark.parametrize("gap", [1, 2])
def test_neighbours_read_each_time_once(gap: int) -> None:
    reader = _Noting()
    strips = _strips(reader, keep=2 * gap + 1)
    for start in range(_TIMES - 2 * gap):
        strips.take((start, start + gap), (start + 2 * gap,))
    assert sorted(reader.times_read) == list(range(_TIMES))


def test_a_target_is_the_memory_of_the_next_sample_s_input() -> None:
    strips = _strips(_Noting())
    _, (target,) = strips.take((4, 5), (6,))
    inputs, _ = strips.take((5, 6), (7,))
    assert inputs["surf_2t"][0, 1].data_ptr() == target["surf_2t"][0, 0].data_ptr()


def test_walking_through_neighbours_takes_no_more_than_a_few_strips() -> None:
    strips = _strips(_Noting())
    taken = [strips.take((n, n + 1), (n + 2,))[0]["surf_2t"].data_ptr() for n in range(28)]
    assert len(set(taken)) <= 3 * 5


def test_a_step_that_can_not_be_read_is_asked_for_again() -> None:
    reader = _Noting()
    strips = _strips(reader)
    reader.broken = 2
    with pytest.raises(OSError, match="broken"):
        strips.take((0, 1), (2,))
    reader.broken = None
    inputs, (target,) = strips.take((0, 1), (2,))
    assert _holds(inputs, (0, 1))
    assert _holds(target, (2,))
    assert reader.times_read == [0, 1, 2, 2]
