"""How often to look, how long to try, and how a wait is cut short."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aurora_dash.errors import DataError

ShouldStop = Callable[[], bool]

_SLICE_SECONDS = 0.2


class StoppedError(DataError):
    """Somebody asked to stop; what was fetched is kept."""

    def __init__(self) -> None:
        super().__init__(
            "The fetch was stopped; what has arrived is kept, and so are requests in the queue.",
            remedy="Start the same fetch again to go on where it stopped.",
        )


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Intervals in seconds, and limits."""

    poll: float = 1.0
    """First pause between two looks at a queue; it grows while nothing moves."""
    poll_growth: float = 1.5
    poll_most: float = 60.0
    retry: float = 5.0
    """First pause after a failure of the network; it doubles."""
    retry_most: float = 120.0
    tries: int = 40
    """Failures in a row before a store counts as out of reach: over an hour."""
    queued: int = 8
    """Requests that wait at a store at a time."""
    timeout: float = 60.0
    """Patience with one answer."""

    def pause_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.retry * 2.0 ** min(failures - 1, 30), self.retry_most)


def wait(seconds: float, should_stop: ShouldStop) -> None:
    """Sleep; `StoppedError` as soon as somebody asks to stop."""
    deadline = time.monotonic() + seconds
    while True:
        if should_stop():
            raise StoppedError
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _SLICE_SECONDS))
