"""Which forecast each step of a replay training goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from threading import Lock

from aurora_dash.spec import RolloutSpec
from aurora_dash.training.order import BatchOrder, mix_seed

# Draws of the replay buffer have nothing to do with the order of samples, which has the same seed.
_SEED = 0x5E9147
# The loader asks one step ahead.
_REMEMBERED = 8


@dataclass(frozen=True)
class Waiting:
    """A forecast in the buffer, without its numbers."""

    key: int
    """The training step that made it."""
    samples: tuple[int, ...]
    """The training samples that it began from."""
    lead: int
    """Steps of the forecast that are done."""


@dataclass(frozen=True)
class Draw:
    """What a training step trains on."""

    samples: tuple[int, ...]
    lead: int
    """Steps of the forecast that are done: it is trained on step ``lead + 1``."""
    source: int | None
    """Key of the forecast that it goes on from, which leaves the buffer; None: data."""
    waits: bool
    """Whether its prediction joins the buffer, under the number of the training step."""
    dropped: int | None
    """Key of the forecast that has to make room for it."""
    num_begun: int
    """Forecasts begun from data in all steps before."""


class ReplayPlan:
    """What each step trains on: a function of seed and step, and of a state to go on from.

    Every `refresh_every` steps, and whenever nothing waits, a forecast begins from the next batch
    of samples; otherwise one that waits is drawn, all alike. It leaves the buffer, and its
    prediction joins instead unless it is as long as forecasts may be. No more than `buffer_size`
    wait: the oldest makes room. For the loader's thread and the training's.
    """

    def __init__(
        self,
        order: BatchOrder,
        rollout: RolloutSpec,
        seed: int,
        *,
        first_lead: int = 0,
        accumulate: int = 1,
    ) -> None:
        self._order = order
        self._rollout = rollout
        self._seed = seed
        self._first_lead = first_lead
        """Steps that a forecast from data takes before it is trained on."""
        self._accumulate = accumulate
        """Batches a training step; what is called a step here is a batch."""
        self._waiting: list[Waiting] = []
        self._next = 0
        self._num_begun = 0
        self._draws: dict[int, Draw] = {}
        self._lock = Lock()

    def at(self, step: int) -> Draw:
        """What 0-based training step `step` trains on; a step after a jump begins anew."""
        with self._lock:
            if step not in self._draws:
                if step != self._next:
                    self._waiting, self._next = [], step
                self._draws[step] = self._draw(step)
                self._draws.pop(step - _REMEMBERED, None)
                self._next += 1
            return self._draws[step]

    def go_on(self, step: int, num_begun: int, waiting: Sequence[Waiting]) -> None:
        """Go on at `step` with these forecasts in the buffer."""
        with self._lock:
            self._waiting, self._num_begun = list(waiting), num_begun
            self._next, self._draws = step, {}

    def _draw(self, step: int) -> Draw:
        source, begun = None, self._num_begun
        if self._waiting and step % self._rollout.refresh_every:
            chosen = Random(mix_seed(self._seed + _SEED, step)).randrange(len(self._waiting))
            entry = self._waiting.pop(chosen)
            source, samples, lead = entry.key, entry.samples, entry.lead
        else:
            samples, lead = tuple(self._order.batch(begun)), self._first_lead
            self._num_begun += 1
        waits = lead + 1 < self._rollout.steps_at(step // self._accumulate)
        dropped = None
        if waits:
            self._waiting.append(Waiting(step, samples, lead + 1))
            if len(self._waiting) > self._rollout.buffer_size:
                dropped = self._waiting.pop(0).key
        return Draw(samples, lead, source, waits, dropped, begun)
