"""How often the pages that follow a training look at it, so that looking takes little from it.

A training in a thread of this process and the drawing of pages take turns at one interpreter, so
every look costs the training as much time as it takes. One page alone looks as often as it is
pleasant; many together look about once a second. Trainings in processes of their own are not
disturbed: they are looked at as often as ever. Free of streamlit.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cache

LIVE_SECONDS = 0.45
"""How often a live run is looked at: charts follow the trainer by about as much."""

_LONGEST_SECONDS = 10.0
# Only at these numbers of pages does the pace change, since each must be drawn as a whole to
# change its own.
_SECONDS_OF_SEVERAL = ((2, 1.0), (3, 2.0), (5, 5.0))
_FEWEST_SECONDS, _LOOKS_MISSED = 5.0, 2.5


@dataclass(frozen=True)
class _Look:
    """When a page looked last (s of a monotonic clock), and how often it is to."""

    time: float
    every: float

    def is_of_late(self, now: float) -> bool:
        """Whether the page may be taken to be open still."""
        return now - self.time <= max(_FEWEST_SECONDS, _LOOKS_MISSED * self.every)


class Lookers:
    """The pages that look, by their last look. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}

    def seconds(self, who: str, *, trained_here: bool, now: float | None = None) -> float:
        """Note a look of a page; how long it is to wait for the next one.

        `trained_here` says whether a training shares this process; `now` is in seconds of a
        monotonic clock.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            others = {w: k for w, k in self._looks.items() if w != who and k.is_of_late(now)}
            every = _seconds(len(others) + 1) if trained_here else LIVE_SECONDS
            self._looks = {**others, who: _Look(now, every)}
            return every


def _seconds(num_pages: int) -> float:
    if num_pages == 1:
        return LIVE_SECONDS
    return next((s for most, s in _SECONDS_OF_SEVERAL if num_pages <= most), _LONGEST_SECONDS)


@cache
def lookers() -> Lookers:
    """Those of this process."""
    return Lookers()
