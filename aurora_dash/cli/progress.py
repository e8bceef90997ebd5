"""One line of progress on stderr: rewritten in place on a terminal, now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TERMINAL_SECONDS = 0.5
_LOG_SECONDS = 10.0


class ProgressLine:
    """Shows the newest of the texts it is given."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._shown = ""
        self._last = -_LOG_SECONDS

    def show(self, text: str, *, at_once: bool = False) -> None:
        """Show a text, in a log file not more often than every ten seconds."""
        if text == self._shown:
            return
        if self._is_terminal:
            sys.stderr.write(f"\r{text:<{len(self._shown)}}")
        elif at_once or time.monotonic() - self._last >= _LOG_SECONDS:
            sys.stderr.write(text + "\n")
        else:
            return
        sys.stderr.flush()
        self._shown = text
        self._last = time.monotonic()

    def end(self) -> None:
        """Leave the line."""
        if self._is_terminal and self._shown:
            sys.stderr.write("\n")


@contextmanager
def watching(describe: Callable[[], str]) -> Iterator[None]:
    """Show what `describe` says, from a thread, while the block runs; and once more at its end."""
    line, done = ProgressLine(), threading.Event()

    def watch() -> None:
        while not done.wait(_TERMINAL_SECONDS):
            line.show(describe())

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        line.show(describe(), at_once=True)
        line.end()
