"""Watches a training through its records: alerts, word to the webhook, an end if asked for."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from aurora_dash.errors import TrainingError
from aurora_dash.runs.alerts import Alert
from aurora_dash.runs.store import Run
from aurora_dash.runs.webhook import tell_alert
from aurora_dash.spec import RunSpec
from aurora_dash.training.health.gauges import Gauges
from aurora_dash.training.health.monitor import HealthMonitor
from aurora_dash.training.health.rules import Record
from aurora_dash.training.loop import Records


class WatchedRecords:
    """Hands records on and puts them through the rules of health.

    A rule whose action is ``stop`` raises `TrainingError` after its alert is written; whoever
    trains then saves and ends the run.
    """

    def __init__(self, records: Records, run: Run, spec: RunSpec, device: torch.device) -> None:
        self._records = records
        self._run = run
        self._monitor = HealthMonitor(spec)
        self._gauges = Gauges(run, device)

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Take the numbers of a training step."""
        self._records.train(step, epoch, values, pace)
        self._look({"step": step, "split": "train", **values, **self._gauges.read()})

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Take those of a validation."""
        self._records.validation(step, epoch, values, best_loss)
        self._look({"step": step, "split": "validation", **values})

    def _look(self, record: Record) -> None:
        alerts, recovered = self._monitor.observe(record)
        for recovery in recovered:
            self._run.log_event(
                "info",
                f"over at step {recovery.step}: {recovery.alert.message}",
                recovered=recovery.alert.id,
                step=recovery.step,
            )
        for alert in alerts:
            write_alert(self._run, alert)
        for alert in alerts:
            if self._monitor.stops_at(alert):
                raise TrainingError(
                    f"Stopped by the rule {alert.rule} at step {alert.step}: {alert.message}",
                    remedy=f"{alert.advice} `aurora-dash runs fix {self._run.id}` applies the best "
                    "of its remedies.",
                )


def write_alert(run: Run, alert: Alert, **details: str) -> None:
    """Write an alert to the run's events, with more fields if need be, and tell the webhook."""
    run.log_event(**alert.fields(), **details)
    tell_alert(run, alert)
