"""From signs to alerts: one for a lasting sign, rarer ones for one that comes and goes."""

from __future__ import annotations

from itertools import pairwise

from aurora_dash.spec import RunSpec
from aurora_dash.training.health.monitor import HealthMonitor

GIB = 2**30


def _disk(step: int, full: bool) -> dict:
    return {"step": step, "split": "train", "disk_free_bytes": 1.0 * GIB if full else 99.0 * GIB}


def test_a_lasting_sign_is_one_alert_and_its_end_is_told_once() -> None:
    monitor = HealthMonitor(RunSpec())
    alerts, recovered = [], []
    for step in range(1, 2001):
        new, over = monitor.observe(_disk(step, full=step <= 1000))
        alerts += new
        recovered += over
    assert [alert.id for alert in alerts] == ["disk-1"]
    assert [(r.alert.id, r.step) for r in recovered] == [("disk-1", 1020)]


def test_a_sign_that_comes_and_goes_is_told_ever_more_rarely() -> None:
    monitor = HealthMonitor(RunSpec())
    steps = [
        alert.step
        for step in range(1, 10_001)
        for alert in monitor.observe(_disk(step, full=step % 30 == 0))[0]
    ]
    assert steps[0] == 30
    gaps = [later - earlier for earlier, later in pairwise(steps)]
    assert all(gap >= 20 * 2**number for number, gap in enumerate(gaps, start=1))
    assert len(steps) < 10


def test_flicker_within_the_calm_is_one_alert() -> None:
    monitor = HealthMonitor(RunSpec())
    alerts = [
        alert
        for step in range(1, 500)
        for alert in monitor.observe(_disk(step, full=step % 2 == 0))[0]
    ]
    assert [alert.step for alert in alerts] == [2]


def test_trouble_on_top_of_trouble_goes_back_to_before_both() -> None:
    monitor = HealthMonitor(RunSpec())
    alerts = []
    for step in range(1, 121):
        record = {"step": step, "split": "train", "loss": 1.0, "grad_norm": 1.0}
        if step > 80:
            record["grad_norm"] = 50.0
        if step > 90:
            record["loss"] = 9.0
        alerts += monitor.observe(record)[0]
    assert [(a.rule, a.good_step) for a in alerts] == [
        ("exploding_gradient", 79),
        ("loss_spike", 79),
    ]


def test_only_a_rule_that_is_to_stop_the_run_does() -> None:
    spec = RunSpec().with_overrides(["health.disk.action=stop"])
    monitor = HealthMonitor(spec)
    (alert,), _ = monitor.observe(_disk(1, full=True))
    assert monitor.stops_at(alert)
    assert not HealthMonitor(RunSpec()).stops_at(alert)
