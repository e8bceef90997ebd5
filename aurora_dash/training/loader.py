"""Batches for the loop, the next ones read while the present one is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from aurora_dash.data.batches import Foresighted, Sample, Samples, collate
from aurora_dash.data.workers import Helpers
from aurora_dash.training.crops import RandomCrop
from aurora_dash.training.order import Order


class TrainingBatches:
    """The batch of each step; one thread reads `prefetch` ahead. Use as a context manager."""

    def __init__(
        self,
        samples: Samples,
        order: Order,
        *,
        crop: RandomCrop | None = None,
        prefetch: int = 1,
        stride: int = 1,
    ) -> None:
        """`stride` is the number of the batch that is taken next, less that of the one before."""
        self.order = order
        self._stride = stride
        self._crop = crop
        self._prefetch = prefetch
        self._samples = samples
        self._ahead: dict[int, Future[Sample]] = {}
        self._reader = Helpers(1, self._answer, name="batches")

    def take(self, step: int) -> Sample:
        """The batch of 0-based step `step`; starts reading those of the next."""
        future = self._ahead.pop(step, None) or self._submit(step)
        next_steps = range(step, step + self._stride * self._prefetch + 1, self._stride)[1:]
        for other in [other for other in self._ahead if other not in next_steps]:
            self._ahead.pop(other).cancel()
        for wanted in next_steps:
            if wanted not in self._ahead:
                self._ahead[wanted] = self._submit(wanted)
        return future.result()

    def _submit(self, step: int) -> Future[Sample]:
        future: Future[Sample] = Future()
        self._reader.hand((step, future))
        return future

    def _cancel_ahead(self) -> None:
        for future in self._ahead.values():
            future.cancel()
        self._ahead.clear()

    def _answer(self, wanted: tuple[int, Future[Sample]]) -> None:
        step, future = wanted
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self._read(step))
        # Whatever it is belongs to the thread that waits for the batch.
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)

    def _read(self, step: int) -> Sample:
        if isinstance(self._samples, Foresighted):
            self._samples.expect(
                [i for s in (step, step + self._stride) for i in self.order.batch(s)]
            )
        samples = [self._samples[i] for i in self.order.batch(step)]
        return collate(samples if self._crop is None else self._crop(step, samples))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cancel_ahead()
        self._reader.close()


def fixed_batches(samples: Samples, batch_size: int) -> Iterator[Sample]:
    """All samples in their own order, a batch at a time, each read when its turn comes."""
    for number in range(-(-len(samples) // batch_size)):
        yield fixed_batch(samples, batch_size, number)


def fixed_batch(samples: Samples, batch_size: int, number: int) -> Sample:
    """The batch of that 0-based number of samples in their own order."""
    start = number * batch_size
    stop = min(start + batch_size, len(samples))
    return collate([samples[i] for i in range(start, stop)])
