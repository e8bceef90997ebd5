"""Evaluations in the background: ``evaluation/<id>/`` of a run holds status and result."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, read_result
from aurora_dash.evaluation.status import EvaluationState, EvaluationStatus, true_status
from aurora_dash.evaluation.work import (
    FolderJob,
    Work,
    ask_to_stop,
    find_folder,
    list_work,
    new_id,
)
from aurora_dash.runs.background import background_jobs
from aurora_dash.runs.store import Run, RunStore

__all__ = [
    "EvaluationState",
    "EvaluationStatus",
    "evaluate_here",
    "evaluation_folder",
    "get_evaluation",
    "list_evaluations",
    "load_evaluation",
    "start_evaluation",
    "stop_all",
    "stop_evaluation",
]

_KIND = "evaluation"


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
    status = _asked(request)
    work = _work(run, request, roots, evaluate or _real_evaluate)
    background_jobs(_KIND).start(FolderJob.new(run.evaluation_folder, status, work))
    return status.id


def evaluate_here(
    run: Run, request: EvaluationRequest, *, progress: Callable[[int, int], None]
) -> EvaluationResult:
    """Evaluate one of the run's checkpoints in this thread, kept where pages find it too.

    Raises `EvaluationError` with the reason if it fails.
    """
    asked = _asked(request)
    work = _work(run, request, None, _real_evaluate)
    FolderJob.new(run.evaluation_folder, asked, work, progress)()
    status = get_evaluation(run, asked.id)
    if status.state is not EvaluationState.COMPLETED:
        raise EvaluationError(status.reason, remedy=status.remedy)
    return load_evaluation(run, status.id)


def _asked(request: EvaluationRequest) -> EvaluationStatus:
    return EvaluationStatus(id=new_id(), state=EvaluationState.QUEUED, request=request)


def _work(
    run: Run, request: EvaluationRequest, roots: tuple[Path, ...] | None, evaluate: Evaluate
) -> Work:
    return partial(evaluate, request, store=RunStore(run.folder.parent), roots=roots)


def stop_all(timeout: float) -> bool:
    """Stop the evaluations of this process and wait; False if one did not within `timeout` s.

    Called when the process ends, which must not cut off torch in the middle of a forecast.
    """
    return background_jobs(_KIND).stop(timeout)


def evaluation_folder(run: Run, evaluation_id: str) -> Path:
    """Where an evaluation lies; `EvaluationError` if there is none of that id."""
    missing = f"Run {run.id} has no evaluation {evaluation_id!r}."
    return find_folder(run.evaluation_folder, evaluation_id, missing)


def list_evaluations(run: Run) -> list[EvaluationStatus]:
    """All evaluations of a run, newest first, each with its true state."""
    return list_work(run.evaluation_folder, EvaluationStatus)


def get_evaluation(run: Run, evaluation_id: str) -> EvaluationStatus:
    """The true state of one evaluation: one whose process is gone reads as interrupted."""
    return true_status(evaluation_folder(run, evaluation_id), EvaluationStatus)


def load_evaluation(run: Run, evaluation_id: str) -> EvaluationResult:
    """The scores and the summary of a completed evaluation."""
    return read_result(evaluation_folder(run, evaluation_id))


def stop_evaluation(run: Run, evaluation_id: str) -> None:
    """Ask an evaluation to stop; it does so before its next forecast step."""
    ask_to_stop(evaluation_folder(run, evaluation_id), get_evaluation(run, evaluation_id))


def _real_evaluate(request: EvaluationRequest, folder: Path, **options: Any) -> EvaluationResult:
    # Imported in the worker because it brings torch, for which no page should wait.
    from aurora_dash.evaluation.evaluate import evaluate

    return evaluate(request, folder, **options)
