"""What ends a run that goes wrong: a state, a reason, remedies; details go to the events."""

from __future__ import annotations

import traceback
from types import TracebackType

import torch

from aurora_dash.doctor.cuda import toolkit_findings
from aurora_dash.errors import AuroraDashError, NotFiniteError, TrainingError
from aurora_dash.runs.alerts import Alert, noticed
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.training.health.divergence import ExplodingGradient
from aurora_dash.training.health.memory import memory_remedies
from aurora_dash.training.health.monitor import DAMAGING
from aurora_dash.training.health.remedies import diverged_remedies
from aurora_dash.training.health.watch import write_alert

_SUSPECT_STEPS = 10
"""Weights so few steps before a loss that is not finite are on their way there already."""


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
        spec = _spec_of(self._run)
        known = explain(error, spec)
        details = {} if known is error else {"traceback": _text_of(error)}
        step = self._owner.status.step
        alert = alert_of(error, known, spec, step, _good_step(self._run, step)) if spec else None
        if alert is None:
            self._run.log_event("error", known.message, remedy=known.remedy, **details)
        else:
            write_alert(self._run, alert, **details)
        self._owner.update(state=RunState.FAILED, reason=known.message, remedy=known.remedy)
        return True


def explain(error: Exception, spec: RunSpec | None = None) -> AuroraDashError:
    """The error itself if it speaks to people; otherwise one that does."""
    if isinstance(error, AuroraDashError):
        return error
    if is_out_of_memory(error):
        return TrainingError(
            f"Out of memory: {_first_line(error)}.", remedy=_memory_advice(spec or RunSpec())
        )
    if is_cuda_error(error):
        return _cuda_failure(error)
    return TrainingError(
        f"Unexpected {type(error).__name__}: {_first_line(error)}.",
        remedy="The run's events hold the details; resume it, or report the problem with them.",
    )


def alert_of(
    error: Exception, known: AuroraDashError, spec: RunSpec, step: int, good_step: int
) -> Alert | None:
    """The alert with remedies that an error calls for; None if it is another kind of trouble."""
    if isinstance(error, NotFiniteError):
        return Alert(
            rule="not_finite",
            step=step,
            good_step=step if error.in_data else good_step,
            severity="error",
            message=error.message,
            explanation="" if error.in_data else ExplodingGradient.explanation,
            advice=error.remedy,
            remedies=() if error.in_data else diverged_remedies(spec),
        )
    if is_out_of_memory(error) or is_cuda_error(error):
        out_of_memory = is_out_of_memory(error)
        return Alert(
            rule="out_of_memory" if out_of_memory else "cuda",
            step=step,
            good_step=step,
            severity="error",
            message=known.message,
            advice=known.remedy,
            remedies=memory_remedies(spec) if out_of_memory else (),
        )
    return None


def _memory_advice(spec: RunSpec) -> str:
    ranked = [
        f"{number}. {', '.join(remedy.assignments)}: {remedy.explanation}"
        for number, remedy in enumerate(memory_remedies(spec), start=1)
    ]
    last = "fewer data.levels, a data.region, or a smaller model"
    if not ranked:
        return f"All that saves memory by itself is on already; what is left: {last}."
    return f"What saves most comes first. {' '.join(ranked)} Then {last}."


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory of the device or of the machine ran out."""
    # Libraries of CUDA that find no room for themselves say so in words of their own.
    marks = ("can't allocate memory", "out of memory", "_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(mark in str(error) for mark in marks)
    )


def is_cuda_error(error: Exception) -> bool:
    """Whether the GPU or one of CUDA's libraries failed."""
    marks = ("CUDA error", "CUDA driver", "illegal memory access", "cuDNN error", "CUBLAS_STATUS")
    return isinstance(error, RuntimeError) and any(mark in str(error) for mark in marks)


def _cuda_failure(error: Exception) -> TrainingError:
    """What failed, and what the doctor finds about CUDA on this machine."""
    findings = toolkit_findings(torch.version.cuda)
    serious = [finding for finding in findings if finding.severity != "info"]
    found = " ".join(finding.message for finding in serious)
    what = " ".join(finding.remedy for finding in serious) or (
        "Toolkit, driver and torch agree as far as the doctor sees: run it once more with "
        "CUDA_LAUNCH_BLOCKING=1, which names the operation that fails, and without autocast."
    )
    return TrainingError(
        f"The GPU failed: {_first_line(error)}. {found}".strip(),
        remedy=f"{what} A process whose CUDA failed can't use the GPU again: start the dashboard "
        "anew before resuming.",
    )


def _good_step(run: Run, step: int) -> int:
    """The last step before any sign of divergence."""
    known = [entry.alert for entry in noticed(run.events()) if entry.is_open]
    signs = [alert.good_step for alert in known if alert.rule in DAMAGING]
    return max(0, min([step - _SUSPECT_STEPS, *signs]))


def _spec_of(run: Run) -> RunSpec | None:
    try:
        return run.spec()
    except AuroraDashError:
        # Then that is what failed, and it is told already.
        return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else "no message"


def _text_of(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
