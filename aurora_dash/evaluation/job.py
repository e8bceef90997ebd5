"""Evaluations in the background, with their state on disk so that any page can show it.

``evaluation/<id>/status.json`` says how far one is, beside the result's own files. One evaluation
of this process works at a time; others wait their turn.
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
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, read_result
from aurora_dash.evaluation.status import (
    STATUS_FILE,
    EvaluationState,
    EvaluationStatus,
    true_status,
)
from aurora_dash.runs.background import background_jobs
from aurora_dash.runs.control import Action, put_request, take_requests
from aurora_dash.runs.files import utc_now, write_atomic
from aurora_dash.runs.identity import this_process
from aurora_dash.runs.lock import FolderLock
from aurora_dash.runs.store import Run, RunStore

__all__ = [
    "EvaluationState",
    "EvaluationStatus",
    "evaluation_folder",
    "get_evaluation",
    "list_evaluations",
    "load_evaluation",
    "start_evaluation",
    "stop_all",
    "stop_evaluation",
]

CONTROL_FOLDER = "control"

_KIND = "evaluation"
_TURN_SECONDS = 0.2
_PROGRESS_SECONDS = 0.5

logger = logging.getLogger(__name__)


class Evaluate(Protocol):
    """`aurora_dash.evaluation.evaluate.evaluate`."""

    def __call__(
        self,
        request: EvaluationRequest,
        folder: Path,
        *,
        store: RunStore,
        roots: tuple[Path, ...] | None,
        progress: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> EvaluationResult:
        """Judge a checkpoint and write the result into a folder."""


def start_evaluation(
    run: Run,
    request: EvaluationRequest,
    *,
    roots: tuple[Path, ...] | None = None,
    evaluate: Evaluate | None = None,
) -> str:
    """Evaluate one of the run's checkpoints in a background thread and return the id.

    `roots` are the folders that data may lie in; None: any. `evaluate` is for tests.
    """
    if request.run != run.id:
        raise EvaluationError(
            f"The request names the run {request.run!r}, the evaluation belongs to {run.id!r}."
        )
    evaluation_id = _new_id()
    job = _Job(run, evaluation_id, request, roots, evaluate or _real_evaluate)
    background_jobs(_KIND).start(job)
    return evaluation_id


def evaluate_here(
    run: Run, request: EvaluationRequest, *, progress: Callable[[int, int], None]
) -> EvaluationResult:
    """Evaluate one of the run's checkpoints in this thread, kept where pages find it too.

    Raises `EvaluationError` with the reason if it fails.
    """
    job = _Job(run, _new_id(), request, None, _real_evaluate, watch=progress)
    job()
    status = get_evaluation(run, job.id)
    if status.state is not EvaluationState.COMPLETED:
        raise EvaluationError(status.reason, remedy=status.remedy)
    return load_evaluation(run, job.id)


def _new_id() -> str:
    return f"{utc_now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def stop_all(timeout: float) -> bool:
    """Stop the evaluations of this process and wait; False if one did not within `timeout` s.

    Called when the process ends, which must not cut off torch in the middle of a forecast.
    """
    return background_jobs(_KIND).stop(timeout)


def evaluation_folder(run: Run, evaluation_id: str) -> Path:
    """Where an evaluation lies; `EvaluationError` if there is none of that id."""
    folder = run.evaluation_folder / evaluation_id
    plain = Path(evaluation_id).name == evaluation_id and not evaluation_id.startswith(".")
    if not (evaluation_id and plain and folder.is_dir()):
        raise EvaluationError(f"Run {run.id} has no evaluation {evaluation_id!r}.")
    return folder


def list_evaluations(run: Run) -> list[EvaluationStatus]:
    """All evaluations of a run, newest first, each with its true state."""
    try:
        folders = [
            path
            for path in run.evaluation_folder.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        ]
    except FileNotFoundError:
        return []
    return [true_status(folder) for folder in sorted(folders, reverse=True, key=lambda p: p.name)]


def get_evaluation(run: Run, evaluation_id: str) -> EvaluationStatus:
    """The true state of one evaluation: one whose process is gone reads as interrupted."""
    return true_status(evaluation_folder(run, evaluation_id))


def load_evaluation(run: Run, evaluation_id: str) -> EvaluationResult:
    """The scores and the summary of a completed evaluation."""
    return read_result(evaluation_folder(run, evaluation_id))


def stop_evaluation(run: Run, evaluation_id: str) -> None:
    """Ask an evaluation to stop; it does so before its next forecast step."""
    folder = evaluation_folder(run, evaluation_id)
    status = true_status(folder)
    if not status.state.is_live:
        raise EvaluationError(
            f"Evaluation {evaluation_id} is {status.state.value}: there is nothing to stop."
        )
    put_request(folder / CONTROL_FOLDER, Action.STOP)


def _nobody(done: int, total: int) -> None:
    """Stands in where nobody watches."""


class _Job:
    """One evaluation on its way: owns its folder and tells its state."""

    def __init__(
        self,
        run: Run,
        evaluation_id: str,
        request: EvaluationRequest,
        roots: tuple[Path, ...] | None,
        evaluate: Evaluate,
        watch: Callable[[int, int], None] = _nobody,
    ) -> None:
        # Made under a hidden name, so that nobody meets a folder without a status.
        self._folder = run.evaluation_folder / f".new-{evaluation_id}"
        self._folder.mkdir(parents=True)
        self._store = RunStore(run.folder.parent)
        self._roots = roots
        self._evaluate = evaluate
        self._watch = watch
        self._stop = False
        self.id = evaluation_id
        self._told = 0.0
        self._lock = FolderLock.take(self._folder)
        self._status = EvaluationStatus(
            id=evaluation_id,
            state=EvaluationState.QUEUED,
            request=request,
            owner=this_process("thread"),
            created=utc_now(),
        )
        self._tell()
        self._folder = self._folder.rename(run.evaluation_folder / evaluation_id)

    def __call__(self) -> None:
        try:
            self._work()
        finally:
            if self._lock is not None:
                self._lock.release()

    def stop(self) -> None:
        """Have it end before its next forecast step."""
        self._stop = True

    def _work(self) -> None:
        request = self._status.request
        assert request is not None
        turn = _turn()
        while not turn.acquire(timeout=_TURN_SECONDS):
            if self._should_stop():
                self._end(EvaluationState.STOPPED, "Stopped before it began.")
                return
        try:
            if self._should_stop():
                self._end(EvaluationState.STOPPED, "Stopped before it began.")
                return
            self._tell(state=EvaluationState.RUNNING, started=utc_now())
            self._evaluate(
                request,
                self._folder,
                store=self._store,
                roots=self._roots,
                progress=self._progress,
                should_stop=self._should_stop,
            )
            self._end(EvaluationState.COMPLETED)
        except AuroraDashError as error:
            state = EvaluationState.STOPPED if self._stop else EvaluationState.FAILED
            self._end(state, error.message, remedy=error.remedy)
        except Exception as error:
            logger.exception("Evaluation %s failed", self._status.id)
            self._end(
                EvaluationState.FAILED,
                f"An unexpected {type(error).__name__}: {error}".splitlines()[0],
                remedy="The log of the server has the details.",
            )
        finally:
            turn.release()

    def _progress(self, done: int, total: int) -> None:
        self._watch(done, total)
        now = time.monotonic()
        if done == total or now - self._told > _PROGRESS_SECONDS:
            self._told = now
            self._tell(done=done, total=total)

    def _should_stop(self) -> bool:
        if Action.STOP in take_requests(self._folder / CONTROL_FOLDER):
            self._stop = True
        return self._stop

    def _end(self, state: EvaluationState, reason: str = "", *, remedy: str = "") -> None:
        self._tell(state=state, reason=reason, remedy=remedy, ended=utc_now())

    def _tell(self, **changes: Any) -> None:
        self._status = self._status.model_copy(update=changes)
        write_atomic(self._folder / STATUS_FILE, self._status.model_dump_json(indent=2) + "\n")


@functools.cache
def _turn() -> threading.Lock:
    return threading.Lock()


def _real_evaluate(request: EvaluationRequest, folder: Path, **options: Any) -> EvaluationResult:
    # Imported in the worker because it brings torch, for which no page should wait.
    from aurora_dash.evaluation.evaluate import evaluate

    return evaluate(request, folder, **options)
