"""Puts records through all rules and makes of lasting signs one alert each."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_dash.runs.alerts import Alert
from aurora_dash.spec import RunSpec
from aurora_dash.training.health.registry import build_rules
from aurora_dash.training.health.rules import Record, Rule, Sign

DAMAGING = ("exploding_gradient", "loss_spike")
"""Rules after whose first sign what is saved is not sound."""


@dataclass
class _Episode:
    alert: Alert
    last_seen: int


@dataclass(frozen=True)
class Recovery:
    """The end of what an alert was about."""

    alert: Alert
    step: int


class HealthMonitor:
    """The rules of one training. Takes every record once, in order."""

    def __init__(self, spec: RunSpec) -> None:
        self._settings = spec.health
        self._rules = build_rules(spec)
        self._open: dict[tuple[str, str], _Episode] = {}
        self._quiet_until: dict[tuple[str, str], int] = {}
        self._count: dict[tuple[str, str], int] = {}

    def observe(self, record: Record) -> tuple[tuple[Alert, ...], tuple[Recovery, ...]]:
        """New alerts, and those whose sign has been gone for `calm_steps`.

        One that comes again and again is told at most after `calm_steps`, then twice that, and so
        on.
        """
        alerts: list[Alert] = []
        recovered: list[Recovery] = []
        step = int(record["step"])
        for name, rule in self._rules.items():
            signs = rule.look(record)
            if signs is None:
                continue
            seen = set()
            for sign in signs:
                key = (name, sign.subject)
                seen.add(key)
                if key in self._open:
                    self._open[key].last_seen = step
                elif step >= self._quiet_until.get(key, 0):
                    alerts.append(self._begin(key, rule, sign, step))
            recovered += self._ended(name, seen, step)
        return tuple(alerts), tuple(recovered)

    def stops_at(self, alert: Alert) -> bool:
        """Whether the run is to end at an alert of this rule."""
        return any(
            name == alert.rule and settings.action == "stop"
            for name, settings in self._settings.rules()
        )

    def _begin(self, key: tuple[str, str], rule: Rule, sign: Sign, step: int) -> Alert:
        alert = Alert(
            rule=key[0],
            subject=sign.subject,
            step=step,
            good_step=self._good_step(key[0], (sign.since or step + 1) - 1),
            message=sign.message,
            explanation=rule.explanation,
            advice=rule.advice,
            remedies=sign.remedies,
        )
        self._open[key] = _Episode(alert, step)
        self._count[key] = self._count.get(key, 0) + 1
        self._quiet_until[key] = step + self._settings.calm_steps * 2 ** self._count[key]
        return alert

    def _good_step(self, rule: str, step: int) -> int:
        """No later than before any trouble that still goes on."""
        if rule not in DAMAGING:
            return step
        damaging = [e.alert for (name, _), e in self._open.items() if name in DAMAGING]
        return max(0, min([step, *(alert.good_step for alert in damaging)]))

    def _ended(self, name: str, seen: set[tuple[str, str]], step: int) -> list[Recovery]:
        over = [
            key
            for key, episode in self._open.items()
            if key[0] == name
            and key not in seen
            and step - episode.last_seen >= self._settings.calm_steps
        ]
        return [Recovery(self._open.pop(key).alert, step) for key in over]
