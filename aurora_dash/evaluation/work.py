"""Work with a run's checkpoints in the background, its state on disk for any page to show.

Each piece has a folder with a ``status.json`` and a lock that is held while somebody is at work.
One piece of this process works at a time; others wait their turn.
"""

from __future__ import annotations

import functools
import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from aurora_dash.errors import AuroraDashError, EvaluationError
from aurora_dash.evaluation.pace import Pace
from aurora_dash.evaluation.status import (
    STATUS_FILE,
    EvaluationState,
    EvaluationStatus,
    RolloutStatus,
    Status,
    true_status,
)
from aurora_dash.runs.control import Action, put_request, take_requests
from aurora_dash.runs.files import utc_now, write_atomic
from aurora_dash.runs.identity import this_process
from aurora_dash.runs.lock import FolderLock

CONTROL_FOLDER = "control"

_TURN_SECONDS = 0.2
_PROGRESS_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Work(Protocol):
    """What is done in a folder."""

    def __call__(
        self,
        folder: Path,
        *,
        progress: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> object:
        """Do all of it, and put what comes of it into the folder."""


def new_id() -> str:
    """Of a piece of work: when it was asked for, and four random digits."""
    return f"{utc_now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def find_folder(parent: Path, work_id: str, missing: str) -> Path:
    """The folder of that id below `parent`; `EvaluationError` with the text `missing` if none."""
    folder = parent / work_id
    plain = Path(work_id).name == work_id and not work_id.startswith(".")
    if not (work_id and plain and folder.is_dir()):
        raise EvaluationError(missing)
    return folder


def list_work(parent: Path, kind: type[Status]) -> list[Status]:
    """All pieces of work below a folder, newest first, each with its true state."""
    try:
        # No id has a dot: other folders are half made, or stores that a shell wrote there.
        folders = [p for p in parent.iterdir() if p.is_dir() and "." not in p.name]
    except FileNotFoundError:
        return []
    newest_first = sorted(folders, reverse=True, key=lambda path: path.name)
    return [true_status(folder, kind) for folder in newest_first]


def ask_to_stop(folder: Path, status: EvaluationStatus | RolloutStatus) -> None:
    """Ask for a stop before the next forecast step; `EvaluationError` if nothing is under way."""
    if not status.state.is_live:
        raise EvaluationError(f"{status.id} is {status.state.value}: there is nothing to stop.")
    put_request(folder / CONTROL_FOLDER, Action.STOP)


def _nobody(done: int, total: int) -> None:
    """Stands in where nobody watches."""


class FolderJob:
    """One piece of work on its way: owns its folder and tells its state."""

    def __init__(
        self,
        folder: Path,
        lock: FolderLock | None,
        status: EvaluationStatus | RolloutStatus,
        work: Work,
        watch: Callable[[int, int], None] = _nobody,
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._status = status
        self._work = work
        self._watch = watch
        self._pace = Pace()
        self._stop = False
        self._told = 0.0

    @classmethod
    def new(
        cls,
        parent: Path,
        status: EvaluationStatus | RolloutStatus,
        work: Work,
        watch: Callable[[int, int], None] = _nobody,
    ) -> FolderJob:
        """Work in a folder of its own below `parent`, named after the status's id."""
        # Made under a hidden name, so that nobody meets a folder without a status.
        hidden = parent / f".new-{status.id}"
        hidden.mkdir(parents=True)
        job = cls(hidden, FolderLock.take(hidden), status, work, watch)
        job._tell(owner=this_process("thread"), created=utc_now())
        job._folder = hidden.rename(parent / status.id)
        return job

    @classmethod
    def again(cls, folder: Path, status: EvaluationStatus | RolloutStatus, work: Work) -> FolderJob:
        """Go on with work that rests; `EvaluationError` if somebody is at it."""
        lock = None if status.state.is_live else FolderLock.take(folder)
        if lock is None:
            raise EvaluationError(f"{status.id} is under way: it can't be started again.")
        # Whoever asked the one before to stop did not mean this one.
        take_requests(folder / CONTROL_FOLDER)
        job = cls(folder, lock, status, work)
        job._tell(
            state=EvaluationState.QUEUED,
            owner=this_process("thread"),
            **{"reason": "", "remedy": "", "seconds_left": None, "ended": None},
        )
        return job

    def __call__(self) -> None:
        """Wait for the turn and do the work."""
        try:
            self._work_in_turn()
        finally:
            if self._lock is not None:
                self._lock.release()

    def stop(self) -> None:
        """Have it end before its next forecast step."""
        self._stop = True

    def _work_in_turn(self) -> None:
        turn = _turn()
        while not turn.acquire(timeout=_TURN_SECONDS):
            if self._should_stop():
                self._end(EvaluationState.STOPPED, "Stopped before it began.")
                return
        try:
            self._do()
        finally:
            turn.release()

    def _do(self) -> None:
        if self._should_stop():
            self._end(EvaluationState.STOPPED, "Stopped before it began.")
            return
        self._tell(state=EvaluationState.RUNNING, started=utc_now())
        try:
            self._work(self._folder, progress=self._progress, should_stop=self._should_stop)
            self._end(EvaluationState.COMPLETED)
        except AuroraDashError as error:
            state = EvaluationState.STOPPED if self._stop else EvaluationState.FAILED
            self._end(state, error.message, remedy=error.remedy)
        except Exception as error:
            logger.exception("%s failed", self._folder)
            self._end(
                EvaluationState.FAILED,
                f"An unexpected {type(error).__name__}: {error}".splitlines()[0],
                remedy="The log of the server has the details.",
            )

    def _progress(self, done: int, total: int) -> None:
        self._watch(done, total)
        seconds_left = self._pace.seconds_left(done, total)
        now = time.monotonic()
        if done == total or now - self._told > _PROGRESS_SECONDS:
            self._told = now
            self._tell(done=done, total=total, seconds_left=seconds_left)

    def _should_stop(self) -> bool:
        if Action.STOP in take_requests(self._folder / CONTROL_FOLDER):
            self._stop = True
        return self._stop

    def _end(self, state: EvaluationState, reason: str = "", *, remedy: str = "") -> None:
        self._tell(state=state, reason=reason, remedy=remedy, seconds_left=None, ended=utc_now())

    def _tell(self, **changes: Any) -> None:
        self._status = self._status.model_copy(update=changes)
        write_atomic(self._folder / STATUS_FILE, self._status.model_dump_json(indent=2) + "\n")


@functools.cache
def _turn() -> threading.Lock:
    return threading.Lock()
