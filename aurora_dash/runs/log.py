"""What a run says: its events, followed by offset, and the end of what its processes printed."""

from __future__ import annotations

import threading
from pathlib import Path

from aurora_dash.runs.alerts import Noticed, noticed
from aurora_dash.runs.files import cannot_read
from aurora_dash.runs.lines import LineReader, Record

TAIL_BYTES = 2**15


class EventLog:
    """The events of a run, each read once however often one looks; safe to share by threads."""

    def __init__(self, path: Path) -> None:
        self._reader = LineReader(path)
        self._lock = threading.Lock()
        self._generation = 0
        self._events: tuple[Record, ...] = ()
        self._alerts: tuple[Noticed, ...] | None = None

    def events(self) -> tuple[Record, ...]:
        """All up to this moment, oldest first; the same object while there are no new ones."""
        with self._lock:
            self._follow()
            return self._events

    def alerts(self) -> tuple[Noticed, ...]:
        """The alerts among them, oldest first, and what became of them."""
        with self._lock:
            self._follow()
            if self._alerts is None:
                self._alerts = noticed(self._events)
            return self._alerts

    def _follow(self) -> None:
        for new in self._reader.chunks():
            if self._reader.generation != self._generation:
                self._generation = self._reader.generation
                self._events, self._alerts = (), None
            if new:
                self._events, self._alerts = (*self._events, *new), None


def tail(path: Path, max_bytes: int = TAIL_BYTES) -> str:
    """The newest whole lines of a text file, in at most `max_bytes` of it; empty without a file.

    Of a line that was written over again and again, as progress is, the last state is left.
    `RunError` if it can't be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - max_bytes))
            content = file.read(max_bytes)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise cannot_read(path, error) from error
    if size > max_bytes:
        content = content.partition(b"\n")[2]
    lines = content.decode(errors="replace").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
