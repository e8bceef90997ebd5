"""What processes beside the first have in place of the run's folder: nothing to write to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aurora_dash.runs.status import RunStatus, recorded_status
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.training.room import PatientRun


class Remembered:
    """A status that is written nowhere: the first process owns the folder."""

    def __init__(self, run: Run) -> None:
        self.status = recorded_status(run.folder)

    def update(self, **fields: Any) -> RunStatus:
        """Change fields of what is remembered."""
        self.status = self.status.model_copy(update=fields)
        return self.status


class ReadOnlyRun(PatientRun):
    """A run whose folder is read, and written by somebody else."""

    def save_spec(self, spec: RunSpec) -> None:
        """Nothing: the first process saves it."""

    def save_load_report(self, report: Mapping[str, Any]) -> None:
        """Nothing: the first process saves it."""

    def log_event(self, level: str, message: str, **fields: Any) -> None:
        """Nothing: the first process logs what happens."""


class NoRecords:
    """Takes records and keeps none."""

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Nothing: the first process records it."""

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Nothing: the first process records it."""
