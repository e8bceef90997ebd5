"""Rollouts in the background: ``forecasts/<id>/`` of a run holds status and forecasts.

What was stopped, failed or lost its process goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.status import EvaluationState, RolloutStatus, true_status
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

Format = Literal["zarr", "nc"]

_KIND = "rollout"


class RollOut(Protocol):
    """`aurora_dash.evaluation.rollout.rollout`."""

    def __call__(
        self,
        request: RolloutRequest,
        path: Path,
        *,
        store: RunStore,
        roots: tuple[Path, ...] | None,
        progress: Callable[[int, int], None],
        should_stop: Callable[[], bool],
    ) -> object:
        """Write forecasts, or the rest of them, to a path."""


def start_rollout(
    run: Run,
    request: RolloutRequest,
    *,
    file_format: Format = "zarr",
    roots: tuple[Path, ...] | None = None,
    roll_out: RollOut | None = None,
) -> str:
    """Roll out one of the run's checkpoints in a background thread and return the id.

    `roots` are the folders that data may lie in; None: any. `roll_out` is for tests.
    """
    if request.run != run.id:
        raise EvaluationError(
            f"The request names the run {request.run!r}, the forecasts belong to {run.id!r}."
        )
    status = RolloutStatus(
        id=new_id(),
        state=EvaluationState.QUEUED,
        request=request,
        file=f"forecast.{file_format}",
    )
    work = _work(run, status, roots, roll_out)
    background_jobs(_KIND).start(FolderJob.new(run.forecast_folder, status, work))
    return status.id


def resume_rollout(
    run: Run,
    rollout_id: str,
    *,
    roots: tuple[Path, ...] | None = None,
    roll_out: RollOut | None = None,
) -> None:
    """Go on with forecasts that rest, in a background thread; `EvaluationError` if they can't."""
    folder, status = rollout_folder(run, rollout_id), get_rollout(run, rollout_id)
    if status.request is None or status.state is EvaluationState.COMPLETED:
        raise EvaluationError(
            f"The rollout {rollout_id} can't go on: it is {status.state.value}.",
            remedy="Start a new one.",
        )
    work = _work(run, status, roots, roll_out)
    background_jobs(_KIND).start(FolderJob.again(folder, status, work))


def _work(
    run: Run,
    status: RolloutStatus,
    roots: tuple[Path, ...] | None,
    roll_out: RollOut | None,
) -> Work:
    do, store = roll_out or _real_rollout, RunStore(run.folder.parent)

    def work(folder: Path, **options: Any) -> object:
        assert status.request is not None
        return do(status.request, folder / status.file, store=store, roots=roots, **options)

    return work


def rollout_folder(run: Run, rollout_id: str) -> Path:
    """Where a rollout lies; `EvaluationError` if there is none of that id."""
    missing = f"Run {run.id} has no rollout {rollout_id!r}."
    return find_folder(run.forecast_folder, rollout_id, missing)


def list_rollouts(run: Run) -> list[RolloutStatus]:
    """All rollouts of a run, newest first, each with its true state."""
    return list_work(run.forecast_folder, RolloutStatus)


def get_rollout(run: Run, rollout_id: str) -> RolloutStatus:
    """The true state of one rollout: one whose process is gone reads as interrupted."""
    return true_status(rollout_folder(run, rollout_id), RolloutStatus)


def forecast_path(run: Run, status: RolloutStatus) -> Path:
    """Where the forecasts of a rollout are, or will be."""
    return rollout_folder(run, status.id) / status.file


def stop_rollout(run: Run, rollout_id: str) -> None:
    """Ask a rollout to stop; it does so before its next forecast step, and can go on later."""
    ask_to_stop(rollout_folder(run, rollout_id), get_rollout(run, rollout_id))


def _real_rollout(request: RolloutRequest, path: Path, **options: Any) -> object:
    # Imported in the worker because it brings torch, for which no page should wait.
    from aurora_dash.evaluation.rollout import rollout

    return rollout(request, path, **options)
