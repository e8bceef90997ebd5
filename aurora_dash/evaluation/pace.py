"""How long the rest of some steps will take, by those that were made."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Told of progress, it knows the time left; steps that were there at first say nothing."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._first: tuple[int, float] | None = None

    def seconds_left(self, done: int, total: int) -> float | None:
        """After `done` of `total` steps; None before any was made here."""
        moment = self._now()
        if self._first is None:
            self._first = (done, moment)
        made, seconds = done - self._first[0], moment - self._first[1]
        return None if made <= 0 else seconds / made * (total - done)
