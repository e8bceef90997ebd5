"""The training loop: take a step, record it, validate, save, until the end or a request."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from aurora_dash.data.batches import Sample
from aurora_dash.training.distributed.share import Share
from aurora_dash.training.order import Order
from aurora_dash.training.stopping import Best, EarlyStopping
from aurora_dash.training.terms import Record

_PACE_STEPS = 50


class Batches(Protocol):
    """Gives batches by number; a step takes one, or several that follow each other."""

    order: Order

    def take(self, number: int) -> Sample:
        """Inputs and targets of the batch of that number, counted from 0."""


class Requests(Protocol):
    """What is asked of the training from outside."""

    def wants_stop(self) -> bool:
        """Whether training is to end."""

    def take_save(self) -> bool:
        """Whether a checkpoint was asked for since the last call."""

    def wait_while_paused(self, save: Callable[[], object]) -> bool:
        """Return when training may go on; whether there was a pause."""


class Records(Protocol):
    """Takes the numbers of steps and validations."""

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Take those of a training step; `pace` is in seconds a step."""

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Take those of a validation."""


class Saves(Protocol):
    """Takes checkpoints, which may be written while training goes on."""

    def __call__(self, trainer: Trainer, best: bool) -> object:
        """Take one of the present state; training may go on when this returns."""

    def check(self) -> bool:
        """Raise what writing met since; whether there was a pause for want of room."""

    def finish(self) -> bool:
        """Return when all that was taken is on disk; raises what writing met. Whether there was
        a pause for want of room."""


class StepBatches:
    """The batches of one step, each fetched when its turn comes."""

    def __init__(self, batches: Batches, numbers: Iterable[int]) -> None:
        self._batches = batches
        self._numbers = numbers
        self.waited = 0.0
        """Seconds that fetching took."""

    def __iter__(self) -> Iterator[Sample]:
        for number in self._numbers:
            begin = time.perf_counter()
            batch = self._batches.take(number)
            self.waited += time.perf_counter() - begin
            yield batch


class Trainer:
    """Trains with parts that were built elsewhere; knows no files and no spec."""

    def __init__(
        self,
        *,
        take_step: Callable[[int, Iterable[Sample]], Record],
        batches: Batches,
        validate: Callable[[Callable[[], bool]], Record | None] | None,
        records: Records,
        requests: Requests,
        save: Saves,
        total_steps: int,
        validate_every: int,
        save_every: int,
        accumulate: int = 1,
        share: Share | None = None,
        best: Best | None = None,
        stopping: EarlyStopping | None = None,
    ) -> None:
        self._take_step = take_step
        self._batches = batches
        self._validate = validate
        self._records = records
        self._requests = requests
        self._save = save
        self._validate_every = validate_every
        self._save_every = save_every
        self._accumulate = accumulate
        self._share = share or Share()
        self._stopping = stopping
        self.total_steps = total_steps
        self.step = 0
        """Optimiser steps done."""
        self.last_loss: float | None = None
        self.best_loss: float | None = None
        """Lowest validation loss; without validation, the lowest training loss."""
        self.best = best or Best()
        """The validation that counts as the best."""
        self.validation_loss: float | None = None
        """Validation loss of the present weights, if it was measured."""
        self.validated = False
        """Whether the present weights were validated."""
        self._saved_step: int | None = None
        self._save_seconds = 0.0
        self._ends: deque[float] = deque(maxlen=_PACE_STEPS)

    @property
    def epoch(self) -> float:
        """Passes over the training samples so far."""
        return self._batches.order.epoch(self.step * self._accumulate)

    @property
    def stopped_early(self) -> str:
        """Why training ended before its last step without being asked to; empty if it did not."""
        return "" if self._stopping is None else self._stopping.reason

    def resume(
        self,
        *,
        step: int,
        last_loss: float | None,
        best_loss: float | None,
        validation_loss: float | None = None,
        validated: bool = True,
    ) -> None:
        """Go on after `step` steps, which a checkpoint has; `best` is restored apart."""
        self.step, self.last_loss, self.best_loss = step, last_loss, best_loss
        self.validation_loss, self.validated = validation_loss, validated
        # What is measured now belongs into that checkpoint too.
        self._saved_step = None if self._owes_validation() else step

    def run(self) -> bool:
        """Train to the end; False if a request ended it before. Saves in either case."""
        if self.step == 0 or self._owes_validation():
            self._measure()
        while self._goes_on() and not self._is_to_stop():
            self._advance()
            if self._is_validation_due():
                self._measure()
            if self.step % self._save_every == 0:
                self.save()
        self.save()
        self._save.finish()
        return not self._goes_on()

    def _is_validation_due(self) -> bool:
        return self.step % self._validate_every == 0 or self.step == self.total_steps

    def _owes_validation(self) -> bool:
        """Whether a stop came in the way of a validation."""
        can = self._validate is not None
        return can and not self.validated and self._is_validation_due()

    def _goes_on(self) -> bool:
        return self.step < self.total_steps and not self.stopped_early

    def save(self, *, best: bool = False) -> None:
        """Save a checkpoint of the present weights unless there is one already."""
        if self._saved_step != self.step or best:
            begin = time.perf_counter()
            self._save(self, best)
            self._saved_step = self.step
            self._save_seconds += time.perf_counter() - begin

    def _is_to_stop(self) -> bool:
        if self._save.check():
            self._ends.clear()
        stop = self._requests.wants_stop()
        if not stop:
            if self._requests.wait_while_paused(self.save):
                # A pause says nothing about how fast it will go on.
                self._ends.clear()
            stop = self._requests.wants_stop()
        if self._requests.take_save():
            self.save()
        return stop

    def _advance(self) -> None:
        begin = time.perf_counter()
        numbers = self._share.numbers(self.step * self._accumulate, self._accumulate)
        batches = StepBatches(self._batches, numbers)
        values = self._take_step(self.step, batches)
        end = time.perf_counter()
        self._ends.append(end)
        self.step += 1
        self.last_loss, self.validation_loss, self.validated = values["loss"], None, False
        if self._validate is None:
            best = math.inf if self.best_loss is None else self.best_loss
            self.best_loss = min(self.last_loss, best)
        times = {
            "step_seconds": end - begin,
            "data_seconds": batches.waited,
            "samples_per_second": values["samples"] / (end - begin),
        }
        if self._save_seconds:
            times["save_seconds"], self._save_seconds = self._save_seconds, 0.0
        self._records.train(self.step, self.epoch, values | times, self._seconds_a_step())

    def _measure(self) -> None:
        """Validate; a new best is saved at once, so that ``best`` is what it says."""
        if self._validate is None:
            return
        values = self._validate(self._requests.wants_stop)
        if values is None:
            return
        self.validation_loss, self.validated = values["loss"], True
        value, is_best = self.best.value_in(values), False
        # The weights before training are not a result of it, however good they are.
        if self.step > 0:
            is_best = self.best.add(self.step, value)
            if values["loss"] < (math.inf if self.best_loss is None else self.best_loss):
                self.best_loss = values["loss"]
            if self._stopping is not None:
                self._stopping.add(self.step, value)
        self._records.validation(self.step, self.epoch, values, self.best_loss)
        if is_best:
            self.save(best=True)

    def _seconds_a_step(self) -> float | None:
        """Wall time between steps, validation and saving counted; None until it is known."""
        if len(self._ends) < 2:
            return None
        return (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
