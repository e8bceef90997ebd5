"""Signals that ask a training process to stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self


class StopSignals:
    """A block in which Ctrl-C and SIGTERM ask to stop; the second one interrupts."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether a signal came."""
        return self.by is not None

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.by is not None:
            raise KeyboardInterrupt
        self.by = signal.Signals(number)
