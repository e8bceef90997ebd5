from __future__ import annotations

import threading
import time

import pytest
import torch

from aurora_dash.errors import DataError
from aurora_dash.training.loader import TrainingBatches, fixed_batches
from aurora_dash.training.order import BatchOrder


class Samples:
    """Sample `i` has the value `i` everywhere; notes which thread read it."""

    def __init__(self, batch_of, num: int, broken: int | None = None) -> None:
        self.batch_of, self.num, self.broken = batch_of, num, broken
        self.readers: list[str] = []

    def __len__(self) -> int:
        return self.num

    def __getitem__(self, index: int):
        self.readers.append(threading.current_thread().name)
        if index == self.broken:
            raise DataError(f"sample {index} can't be read")
        values = {"2t": torch.full((1, 1, 2, 2), float(index))}
        return self.batch_of(values), (self.batch_of(values),)


def _values(batch) -> list[int]:
    return [int(v) for v in batch.surf_vars["2t"][:, 0, 0, 0]]


def test_batches_are_those_of_the_order(batch_of) -> None:
    order = BatchOrder(7, 3, seed=1)
    with TrainingBatches(Samples(batch_of, 7), order) as batches:
        for step in range(8):
            inputs, (target,) = batches.take(step)
            assert _values(inputs) == _values(target) == order.batch(step)
            assert len(inputs.metadata.time) == len(order.batch(step))


def test_resuming_at_a_later_step_gives_that_steps_batch(batch_of) -> None:
    order = BatchOrder(7, 3, seed=1)
    with TrainingBatches(Samples(batch_of, 7), order) as batches:
        assert _values(batches.take(5)[0]) == order.batch(5)
        assert _values(batches.take(2)[0]) == order.batch(2)


def test_reading_happens_ahead_and_elsewhere(batch_of) -> None:
    samples = Samples(batch_of, 4)
    with TrainingBatches(samples, BatchOrder(4, 1, seed=0)) as batches:
        batches.take(0)
    assert len(samples.readers) == 2
    assert all(name.startswith("batches") for name in samples.readers)


def test_as_many_batches_are_read_ahead_as_asked_for(batch_of) -> None:
    samples = Samples(batch_of, 12)
    order = BatchOrder(12, 1, seed=0)
    with TrainingBatches(samples, order, prefetch=4) as batches:
        assert [_values(batches.take(step)[0]) for step in (0, 1, 7, 8)] == [
            order.batch(step) for step in (0, 1, 7, 8)
        ]
        deadline = time.monotonic() + 10
        while len(samples.readers) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(samples.readers) >= 5


def test_samples_are_told_which_come_next(batch_of) -> None:
    told: list[list[int]] = []

    class Told(Samples):
        def expect(self, indices) -> None:
            told.append(list(indices))

    order = BatchOrder(6, 2, seed=0)
    with TrainingBatches(Told(batch_of, 6), order) as batches:
        batches.take(0)
        batches.take(1)
    assert told[:2] == [order.batch(s) + order.batch(s + 1) for s in (0, 1)]


def test_a_sample_that_can_not_be_read_ends_the_step_that_wants_it(batch_of) -> None:
    order = BatchOrder(4, 1, seed=0)
    bad = order.batch(2)[0]
    with TrainingBatches(Samples(batch_of, 4, broken=bad), order) as batches:
        batches.take(0)
        batches.take(1)
        with pytest.raises(DataError, match="can't be read"):
            batches.take(2)


def test_no_thread_is_left_behind(batch_of) -> None:
    with TrainingBatches(Samples(batch_of, 4), BatchOrder(4, 1, seed=0)) as batches:
        batches.take(0)
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_validation_batches_come_in_order_and_are_read_when_asked_for(batch_of) -> None:
    samples = Samples(batch_of, 5)
    batches = fixed_batches(samples, 2)
    assert _values(next(batches)[0]) == [0, 1]
    assert len(samples.readers) == 2
    assert [_values(inputs) for inputs, _ in batches] == [[2, 3], [4]]
