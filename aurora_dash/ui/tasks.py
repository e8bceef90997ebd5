"""Work of a minute that a page starts and does not wait for, on a thread of the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from aurora_dash.errors import AuroraDashError, without_frames

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Tasks(Generic[Result]):
    """One kind of work, at most one at a time for each run folder."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._working: set[Path] = set()
        self._problems: dict[Path, AuroraDashError] = {}
        self._results: dict[Path, Result] = {}

    def is_working(self, folder: Path) -> bool:
        """Whether it is under way."""
        return folder in self._working

    def problem(self, folder: Path) -> AuroraDashError | None:
        """Why the last one failed, if it did."""
        return self._problems.get(folder)

    def result(self, folder: Path) -> Result | None:
        """What the last one gave, if it succeeded."""
        return self._results.get(folder)

    def start(self, folder: Path, work: Callable[[], Result]) -> None:
        """Begin `work`, unless it is under way for this folder."""
        with self._lock:
            if folder in self._working:
                return
            self._working.add(folder)
            self._problems.pop(folder, None)
            self._results.pop(folder, None)
        name = f"{self._name} {folder.name}"
        threading.Thread(target=self._work, args=(folder, work), name=name, daemon=True).start()

    def _work(self, folder: Path, work: Callable[[], Result]) -> None:
        try:
            self._results[folder] = work()
        except AuroraDashError as error:
            without_frames(error)
            self._problems[folder] = error
        except Exception as error:
            _logger.exception("%s of %s", self._name, folder.name)
            message = f"The {self._name} failed unexpectedly: {type(error).__name__}."
            self._problems[folder] = AuroraDashError(message, remedy="See the server's log.")
        finally:
            self._working.discard(folder)


@cache
def tasks(name: str) -> Tasks[object]:
    """Those of the process, by the name of the work."""
    return Tasks(name)
