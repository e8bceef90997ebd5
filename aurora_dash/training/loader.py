"""Batches for the loop, the next one read while the present one is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from aurora import Batch

from aurora_dash.data.batches import collate
from aurora_dash.training.order import BatchOrder

Sample = tuple[Batch, Batch]


class Samples(Protocol):
    """Input and target batches by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class TrainingBatches:
    """The batch of each step; one thread reads ahead. Use as a context manager."""

    def __init__(self, samples: Samples, order: BatchOrder) -> None:
        self.order = order
        self._samples = samples
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[Sample]] = {}

    def take(self, step: int) -> Sample:
        """The batch of 0-based step `step`; starts reading that of the next."""
        future = self._ahead.pop(step, None) or self._pool.submit(self._read, step)
        for other in self._ahead.values():
            other.cancel()
        self._ahead = {step + 1: self._pool.submit(self._read, step + 1)}
        return future.result()

    def _read(self, step: int) -> Sample:
        return collate([self._samples[i] for i in self.order.batch(step)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ahead.clear()


def fixed_batches(samples: Samples, batch_size: int) -> Iterator[Sample]:
    """All samples in their own order, a batch at a time, each read when its turn comes."""
    for start in range(0, len(samples), batch_size):
        stop = min(start + batch_size, len(samples))
        yield collate([samples[i] for i in range(start, stop)])
