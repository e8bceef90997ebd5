"""Preparing a store from a shell or in the background, with its state on disk for any page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aurora_dash.data.check import check_for_training
from aurora_dash.data.findings import launchable
from aurora_dash.data.source import open_data
from aurora_dash.data.store.codec import Codec
from aurora_dash.data.store.layout import OWN_FOLDER
from aurora_dash.data.store.prepare import Prepared, prepare, refuse_foreign, unfilled
from aurora_dash.data.store.status import STATUS_FILE, PrepareState, PrepareStatus, read_status
from aurora_dash.data.store.writing import Progress
from aurora_dash.errors import AuroraDashError, DataError
from aurora_dash.runs.background import background_jobs
from aurora_dash.runs.control import Action, put_request, take_requests
from aurora_dash.runs.files import utc_now, write_atomic
from aurora_dash.runs.identity import this_process
from aurora_dash.runs.lock import FolderLock
from aurora_dash.spec import RunSpec

__all__ = [
    "PrepareState",
    "PrepareStatus",
    "cancel_preparation",
    "prepare_store",
    "read_status",
    "start_preparing",
    "stop_all",
]

_KIND = "preparation of data"
_CONTROL_FOLDER = "control"
_TELL_SECONDS = 0.5


def prepare_store(
    spec: RunSpec,
    folder: Path,
    *,
    roots: Sequence[Path] | None = None,
    codec: Codec | None = None,
    replace: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Prepared:
    """Prepare the data of `spec` into `folder` in this thread; its state is on disk meanwhile.

    `DataError` for data that can't be opened or trained on, for a folder that is something else,
    and while somebody else prepares the same store.
    """
    return _Job(spec, folder, roots, codec=codec, replace=replace, progress=progress)()


def start_preparing(
    spec: RunSpec,
    folder: Path,
    *,
    roots: Sequence[Path] | None = None,
    codec: Codec | None = None,
    replace: bool = False,
) -> None:
    """The same in a background thread; `read_status` follows it.

    `DataError` if the folder is something else or somebody is at work on it.
    """
    background_jobs(_KIND).start(_Job(spec, folder, roots, codec=codec, replace=replace))


def cancel_preparation(folder: Path) -> None:
    """Ask whoever prepares a store to stop; what is written stays, to go on from."""
    status = read_status(folder)
    if status is None or not status.is_live:
        raise DataError(f"Nobody is preparing {folder}: there is nothing to stop.")
    put_request(folder / OWN_FOLDER / _CONTROL_FOLDER, Action.STOP)


def stop_all(timeout: float) -> bool:
    """Stop what this process prepares and wait; False if it did not end within `timeout` s."""
    return background_jobs(_KIND).stop(timeout)


class _Job:
    """One preparation: owns the store's folder and tells its state."""

    def __init__(
        self,
        spec: RunSpec,
        folder: Path,
        roots: Sequence[Path] | None,
        *,
        codec: Codec | None,
        replace: bool,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        refuse_foreign(folder)
        self._own = folder / OWN_FOLDER
        self._own.mkdir(exist_ok=True)
        lock = FolderLock.take(self._own)
        if lock is None:
            raise DataError(
                f"The training store {folder} is being prepared by somebody else.",
                remedy="Wait until that is done, or stop it.",
            )
        self._lock = lock
        self._spec, self._folder, self._roots = spec, folder, roots
        self._codec, self._replace, self._progress = codec, replace, progress
        self._stop = False
        self._told = 0.0
        take_requests(self._own / _CONTROL_FOLDER)
        owner = this_process("thread")
        self._status = PrepareStatus(state=PrepareState.RUNNING, owner=owner, started=utc_now())
        self._tell()

    def __call__(self) -> Prepared:
        try:
            result = self._work()
            if result.whole:
                self._end(PrepareState.COMPLETED, done=self._status.total)
            else:
                self._end(PrepareState.STOPPED, "Stopped on request.", remedy=_GO_ON)
            return result
        except AuroraDashError as error:
            self._end(PrepareState.FAILED, error.message, remedy=error.remedy)
            raise
        except KeyboardInterrupt:
            self._end(PrepareState.STOPPED, "Stopped by Ctrl-C.", remedy=_GO_ON)
            raise
        except Exception as error:
            self._end(
                PrepareState.FAILED,
                f"An unexpected {type(error).__name__}: {error}".splitlines()[0],
                remedy="The log has the details.",
            )
            raise
        finally:
            self._lock.release()

    def stop(self) -> None:
        """Have it end before it reads the next times."""
        self._stop = True

    def _work(self) -> Prepared:
        spec = unfilled(self._spec)
        opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables, roots=self._roots)
        try:
            findings = check_for_training(opened, spec, read_fields=False)
            if not launchable(findings):
                errors = [finding for finding in findings if finding.severity == "error"]
                raise DataError(" ".join(e.message for e in errors), remedy=errors[0].remedy)
            return prepare(
                opened,
                spec,
                self._folder,
                codec=self._codec,
                replace=self._replace,
                progress=self._advance,
                should_stop=self._should_stop,
            )
        finally:
            opened.close()

    def _advance(self, progress: Progress) -> None:
        self._progress(progress)
        now = time.monotonic()
        if progress.done in (0, progress.total) or now - self._told > _TELL_SECONDS:
            self._told = now
            self._tell(
                done=progress.done,
                total=progress.total,
                seconds_left=progress.seconds_left,
                bytes_per_second=progress.bytes_done / max(progress.seconds, 1e-9),
            )

    def _should_stop(self) -> bool:
        if Action.STOP in take_requests(self._own / _CONTROL_FOLDER):
            self._stop = True
        return self._stop

    def _end(self, state: PrepareState, reason: str = "", **changes: Any) -> None:
        self._tell(state=state, reason=reason, seconds_left=None, ended=utc_now(), **changes)

    def _tell(self, **changes: Any) -> None:
        self._status = self._status.model_copy(update=changes)
        write_atomic(self._own / STATUS_FILE, self._status.model_dump_json(indent=1) + "\n")


_GO_ON = "Prepare again to go on where it stopped."
