"""What ends a run that goes wrong: a state, a reason and a remedy; details go to the events."""

from __future__ import annotations

import traceback
from types import TracebackType

import torch

from aurora_dash.errors import AuroraDashError, TrainingError
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run


class Failures:
    """A block whose exceptions become the state ``failed``; interrupts pass through."""

    def __init__(self, run: Run, owner: Owner) -> None:
        self._run = run
        self._owner = owner

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        known = explain(error)
        details = {} if known is error else {"traceback": _text_of(error)}
        self._run.log_event("error", known.message, remedy=known.remedy, **details)
        self._owner.update(state=RunState.FAILED, reason=known.message, remedy=known.remedy)
        return True


def explain(error: Exception) -> AuroraDashError:
    """The error itself if it speaks to people; otherwise one that does."""
    if isinstance(error, AuroraDashError):
        return error
    if _is_out_of_memory(error):
        return TrainingError(
            f"Out of memory: {_first_line(error)}.",
            remedy="In this order: model.activation_checkpointing = true; a smaller "
            "training.batch_size; model.autocast = true; fewer data.levels or a data.region; a "
            "smaller model.",
        )
    return TrainingError(
        f"Unexpected {type(error).__name__}: {_first_line(error)}.",
        remedy="The run's events hold the details; resume it, or report the problem with them.",
    )


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else "no message"


def _text_of(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
