"""Alerts of a run: what looks wrong, why, and what can be changed about it, as events on disk.

An alert is an event whose field `alert` holds it; when its sign is gone, an event names it in
`recovered`; when a remedy was applied, one names it in `applied`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.errors import RunError

Start = Literal["here", "rollback", "best", "beginning"]


class Remedy(BaseModel):
    """A change of the spec, and where training is to begin with it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    """Short name, by which the command line calls it: ``halve-rate``."""
    label: str
    """What its button says."""
    explanation: str
    """What it does and costs, in a sentence."""
    assignments: tuple[str, ...]
    """``key=value`` changes of the spec."""
    start: Start = "rollback"
    """``here``: the same run goes on from its newest checkpoint. The others make a new run, from
    the newest checkpoint before the trouble, from the best one, or from the beginning."""


class Alert(BaseModel):
    """One thing that looks wrong in a training."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rule: str
    """Name of the rule: a field of `HealthSpec`, or ``not_finite``, ``out_of_memory``, ``cuda``,
    ``disk_full``."""
    subject: str = ""
    """What of several it is about, such as a variable's name."""
    step: int
    """Optimiser steps done when it was noticed."""
    good_step: int = 0
    """Last step before any sign of it: checkpoints up to there are sound."""
    severity: Literal["warning", "error"] = "warning"
    message: str
    """What was seen, with numbers."""
    explanation: str = ""
    """What it usually means."""
    advice: str = ""
    """What to do by hand."""
    remedies: tuple[Remedy, ...] = ()
    """What can be applied at once, the best first."""

    @property
    def id(self) -> str:
        """Its name within the run: ``loss_spike-120``, ``dead_variable-150-tcwv``."""
        return "-".join(part for part in (self.rule, str(self.step), self.subject) if part)

    def remedy(self, key: str | None = None) -> Remedy:
        """The remedy of that key, by default the best; `RunError` names those there are."""
        if key is None and self.remedies:
            return self.remedies[0]
        for remedy in self.remedies:
            if remedy.key == key:
                return remedy
        known = ", ".join(remedy.key for remedy in self.remedies) or "none"
        raise RunError(
            f"The alert {self.id} has no remedy {key or 'that can be applied'}.",
            remedy=f"It has: {known}. {self.advice}".strip(),
        )

    def fields(self) -> dict[str, Any]:
        """Level, message and the rest of its event."""
        return {
            "level": self.severity,
            "message": self.message,
            "remedy": self.advice,
            "alert": {"id": self.id, **self.model_dump(mode="json")},
        }


@dataclass(frozen=True)
class Noticed:
    """An alert and what became of it."""

    alert: Alert
    time: float
    """Seconds since 1970-01-01T00:00Z."""
    recovered_step: int | None = None
    """When its sign was gone again."""
    applied: str = ""
    """Key of the remedy that was applied last."""
    went_on_in: str = ""
    """Id of the run in which it was."""

    @property
    def is_open(self) -> bool:
        """Whether it calls for something."""
        return self.recovered_step is None and not self.applied


def noticed(events: Iterable[dict[str, Any]]) -> tuple[Noticed, ...]:
    """The alerts among a run's events, oldest first; damaged ones are left out."""
    found: dict[str, Noticed] = {}
    for event in events:
        if "alert" in event:
            alert = _alert_of(event["alert"])
            if alert is not None:
                found[alert.id] = Noticed(alert, float(event.get("time", 0.0)))
        for field in ("recovered", "applied"):
            known = found.get(str(event.get(field, "")))
            if known is not None:
                found[known.alert.id] = _changed(known, field, event)
    return tuple(found.values())


def _alert_of(value: object) -> Alert | None:
    try:
        return Alert.model_validate(value)
    except ValidationError:
        return None


def _changed(known: Noticed, field: str, event: dict[str, Any]) -> Noticed:
    if field == "recovered":
        step = int(event.get("step", 0))
        return Noticed(known.alert, known.time, step, known.applied, known.went_on_in)
    key, run = str(event.get("remedy_key", "")), str(event.get("went_on_in", ""))
    return Noticed(known.alert, known.time, known.recovered_step, key, run)
