"""What a rule is: records go in one by one, signs of trouble come out. Pure, bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from aurora_dash.runs.alerts import Remedy

Record = Mapping[str, Any]
"""A record of `metrics.jsonl`, with the gauges of `gauges` added."""

Signs = tuple["Sign", ...]

_LEAD = "lead_loss/"


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What a rule sees in the present record."""

    message: str
    remedies: tuple[Remedy, ...] = ()
    subject: str = ""
    since: int | None = None
    """First step that shows it; the present one if not given."""


class Rule(Protocol):
    """One kind of trouble. Keeps what it needs of the past, never the past itself."""

    explanation: str
    """What it usually means, for a person."""
    advice: str
    """What to do by hand."""

    def look(self, record: Record) -> Signs | None:
        """The signs in a record; none if all is well; None if the record says nothing about it."""


def number(record: Record, name: str, split: str = "train") -> float | None:
    """A finite value of a record of that split."""
    value = record.get(name) if record.get("split") == split else None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


class Levels:
    """Median and scatter over a window, and the calmest that there was.

    The newest `num_recent` values stand apart: their median is the present level, so that a
    single odd step is no sign, and they don't blur what they are compared with.
    """

    def __init__(self, window: int, *, least: int = 5, num_recent: int = 3) -> None:
        self._past: deque[float] = deque(maxlen=window)
        self._recent: deque[float] = deque(maxlen=num_recent)
        self._least = least
        self.calmest: float | None = None
        """Lowest median of a window so far."""
        self.calmest_scatter = 0.0
        """Robust standard deviation (1.4826 times the median absolute deviation) there."""

    def add(self, value: float) -> None:
        """Take the next value."""
        if len(self._recent) == self._recent.maxlen:
            self._past.append(self._recent[0])
        self._recent.append(value)
        if len(self._past) < self._least:
            return
        middle = median(self._past)
        if self.calmest is None or middle < self.calmest:
            self.calmest = middle
            self.calmest_scatter = 1.4826 * median(abs(v - middle) for v in self._past)

    @property
    def present(self) -> float | None:
        """Median of the newest values; None until there are enough."""
        full = len(self._recent) == self._recent.maxlen
        return median(self._recent) if full else None


class LevelsByLead:
    """Levels of a number that depends on how far ahead was forecast, one for each longest lead.

    Longer forecasts have larger losses and gradients: with a curriculum, a replay buffer or several
    lead times, like is compared with like. A step of many batches has another set of leads each
    time, of which hardly one ever comes back; their longest does.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._levels: dict[float, Levels] = {}

    def add(self, value: float, record: Record) -> Levels:
        """Take the value of a record; the levels that it belongs to."""
        hours = [float(name.removeprefix(_LEAD)) for name in record if name.startswith(_LEAD)]
        levels = self._levels.setdefault(max(hours, default=0.0), Levels(self._window))
        levels.add(value)
        return levels
