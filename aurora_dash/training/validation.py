"""Validation: the same samples in fixed order, without gradients, beside persistence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from aurora import Batch

from aurora_dash.data.batches import Samples
from aurora_dash.errors import DataError
from aurora_dash.training.comparer import Comparer, See
from aurora_dash.training.loader import fixed_batch
from aurora_dash.training.rollout.leads import split_by_lead
from aurora_dash.training.terms import Record, TermsMean
from aurora_dash.training.watched import SampleWatch

Item = TypeVar("Item")


def spread(items: Sequence[Item], count: int | None) -> tuple[Item, ...]:
    """At most `count` of `items`, evenly spaced from the first to the last; None: all."""
    if count is None or count >= len(items):
        return tuple(items)
    if count == 1:
        return (items[len(items) // 2],)
    return tuple(items[round(i * (len(items) - 1) / (count - 1))] for i in range(count))


def _ignore(message: str) -> None:
    """For who is not interested in warnings."""


class Validator:
    """Measures the validation loss; that of persistence is measured once and then repeated."""

    def __init__(
        self,
        comparer: Comparer,
        samples: Samples,
        batch_size: int,
        *,
        weights: Callable[[], AbstractContextManager[None]] = nullcontext,
        warn: Callable[[str], object] = _ignore,
        watch: SampleWatch | None = None,
    ) -> None:
        """`weights` puts those in place that are validated; `warn` is told what goes wrong;
        `watch` is shown the forecast of its sample."""
        self._comparer = comparer
        self._world = comparer.world
        self._samples = samples
        self._batch_size = batch_size
        self._weights = weights
        self._warn = warn
        self._watch = watch
        self._persistence: Record = {}

    def __call__(self, interrupted: Callable[[], bool] = lambda: False) -> Record | None:
        """Mean losses of the present weights over all samples: `loss`, `loss/...`, `lead_loss/...`
        where there are several lead times, `persistence_loss` (unless some targets are not
        among the inputs), and `watched_rmse/...` of the sample that is watched.

        `interrupted` is asked before each batch; None if it said yes. None too, with a warning,
        if the data can't be read: training goes on without this validation.
        """
        self._comparer.module.eval()
        try:
            # Not `inference_mode`: Aurora caches attention masks across calls, and autograd
            # refuses to save tensors that were made in that mode.
            with torch.no_grad(), self._weights():
                return self._measure(interrupted)
        except DataError as error:
            self._warn(f"This validation was left out: {error}")
            return None
        finally:
            self._comparer.module.train()

    def _measure(self, interrupted: Callable[[], bool]) -> Record | None:
        first_time = not self._persistence and self._comparer.can_persist
        model, persistence = TermsMean(), TermsMean()
        num_batches = -(-len(self._samples) // self._batch_size)
        if self._watch is not None:
            self._watch.begin()
        for first in range(0, num_batches, self._world.size):
            if interrupted():
                return None
            number = first + self._world.rank
            for inputs, targets, counts, see in self._turn(
                number if number < num_batches else None
            ):
                # Negative draws are those of validation: the same noise every time, never one
                # that is trained on.
                terms = self._comparer.forecast(inputs, targets, draw=-1 - number, see=see)
                if not counts:
                    continue
                size = len(inputs.metadata.time)
                model.add(terms, size)
                if first_time:
                    persistence.add(self._comparer.persistence(inputs, targets), size)
        found = self._world.gather((model, persistence))
        if first_time:
            whole = TermsMean.of(persistence for _, persistence in found)
            self._persistence = {"persistence_loss": whole.result()["loss"]}
        watched = {} if self._watch is None else self._watch.share(self._world)
        return TermsMean.of(model for model, _ in found).result() | self._persistence | watched

    def _turn(
        self, number: int | None
    ) -> Iterator[tuple[Batch, tuple[Batch, ...], bool, See | None]]:
        """A batch in parts of one lead time, whether each counts, and who watches its forecast.

        All processes are given as many parts, since they gather weights together: who has fewer,
        or no batch, repeats one, which does not count.
        """
        parts, problem, watched = [], None, None
        try:
            inputs, targets = fixed_batch(self._samples, self._batch_size, number or 0)
            parts = split_by_lead(inputs, targets)
            if self._watch is not None:
                watched = self._watch.find(number, inputs, targets[0])
        except DataError as error:
            problem = error
        found = self._world.gather((len(parts), problem))
        self._world.raise_first([problem for _, problem in found])
        for place in range(max(count for count, _ in found)):
            counts = number is not None and place < len(parts)
            see = watched[1] if watched is not None and watched[0] == place else None
            yield *parts[min(place, len(parts) - 1)], counts, see
