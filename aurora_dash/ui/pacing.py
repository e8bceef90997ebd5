"""How often the pages that follow a training look at it, so that looking takes little from it.

A training in a thread of this process and the drawing of pages take turns at one interpreter, so
every look costs the training as much time as it takes. One page alone looks as often as it is
pleasant; many share about one look in `_SHARED_SECONDS` among them. Trainings in processes of
their own are not disturbed: they are looked at as often as ever. Free of streamlit.
"""

from __future__ import annotations

import threading
import time
from functools import cache

LIVE_SECONDS = 0.5
"""How often a live run is looked at: charts follow the trainer by about as much."""

_SHARED_SECONDS = 1.0
_LONGEST_SECONDS = 10.0
_REMEMBERED_SECONDS = 15.0
# Pages come and go: only at these numbers of them does the pace change, since each page must be
# drawn as a whole to change its own.
_STEPS = (1, 2, 5, 10)


class Lookers:
    """The pages that look, by when each looked last. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def look(self, who: str, now: float | None = None) -> int:
        """Note a look; how many pages looked of late. `now` is in seconds of a monotonic clock."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._last[who] = now
            for other in [w for w, t in self._last.items() if now - t > _REMEMBERED_SECONDS]:
                del self._last[other]
            return len(self._last)


def live_seconds(num_pages: int, *, trained_here: bool) -> float:
    """How long each of several pages waits between two looks."""
    if num_pages <= 1 or not trained_here:
        return LIVE_SECONDS
    counted = next((step for step in _STEPS if step >= num_pages), num_pages)
    return min(_LONGEST_SECONDS, _SHARED_SECONDS * counted)


@cache
def lookers() -> Lookers:
    """Those of this process."""
    return Lookers()
