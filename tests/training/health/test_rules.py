"""Each rule on records that go wrong its way, and on healthy ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.runs.alerts import Alert
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.training.health.monitor import HealthMonitor
from aurora_dash.training.health.registry import RULES

GIB = 2**30


def _healthy(num: int = 200, *, seed: int = 0, noise: float = 0.1, **more: Any) -> list[dict]:
    """Records of a training that learns: the loss falls to a tenth, with lognormal noise."""
    random = np.random.default_rng(seed)
    scatter = random.lognormal(0.0, noise, size=(num, 3))
    fall = 0.1 + 0.9 * np.exp(-np.arange(num) / (num / 5))
    return [
        {
            "step": step + 1,
            "split": "train",
            "lr": 1e-3,
            "loss": fall[step] * scatter[step, 0],
            "grad_norm": (0.3 + fall[step]) * scatter[step, 1],
            "step_seconds": 0.3 * scatter[step, 2],
            "data_seconds": 0.01,
            **more,
        }
        for step in range(num)
    ]


def _alerts(spec: RunSpec, records: list[dict]) -> list[Alert]:
    monitor = HealthMonitor(spec)
    return [alert for record in records for alert in monitor.observe(record)[0]]


def _rules(alerts: list[Alert]) -> list[str]:
    return [alert.rule for alert in alerts]


@pytest.mark.parametrize("name", ["healthy-0", "healthy-1", "healthy-2"])
def test_recorded_healthy_runs_raise_no_alert(name, learner, stream, alerts_in) -> None:
    records = stream(name)
    assert len(records) == 232
    assert alerts_in(learner, records) == []


@given(seed=st.integers(0, 10_000), noise=st.floats(0.01, 0.3))
@settings(max_examples=25, deadline=None)
def test_noise_around_a_falling_loss_raises_no_alert(seed: int, noise: float) -> None:
    assert _alerts(RunSpec(), _healthy(seed=seed, noise=noise)) == []


@given(seed=st.integers(0, 10_000), step=st.integers(60, 190))
@settings(max_examples=15, deadline=None)
def test_a_single_odd_step_raises_no_alert(seed: int, step: int) -> None:
    records = _healthy(seed=seed)
    for name in ("loss", "grad_norm", "step_seconds"):
        records[step][name] *= 1000
    assert _alerts(RunSpec(), records) == []


def test_gradients_that_grow_are_told_once_with_the_step_before() -> None:
    records = _healthy()
    for number, record in enumerate(records[120:]):
        record["grad_norm"] *= min(1.3**number, 1e6)
    (alert,) = _alerts(RunSpec(), records)
    assert alert.rule == "exploding_gradient"
    # 1.3**n passes 10 times the calmest level at n = 9.
    assert 126 <= alert.step <= 136
    assert alert.good_step == alert.step - 3
    assert [r.key for r in alert.remedies] == [
        *("halve-rate", "tenth-rate", "clip", "accumulate", "stabilise")
    ]
    assert alert.explanation and alert.advice


def test_slow_growth_over_many_windows_is_noticed_too() -> None:
    records = _healthy(600)
    for number, record in enumerate(records[100:]):
        record["grad_norm"] *= 1.01**number
    assert _rules(_alerts(RunSpec(), records)) == ["exploding_gradient"]


def test_a_loss_that_jumps_and_stays_up_is_a_spike() -> None:
    records = _healthy()
    for record in records[150:160]:
        record["loss"] *= 10
    (alert,) = _alerts(RunSpec(), records)
    assert (alert.rule, alert.step, alert.good_step) == ("loss_spike", 152, 149)
    assert alert.remedy().key == "halve-rate"
    assert alert.remedy().assignments[0] == "optimiser.lr=5e-05"


def test_longer_forecasts_are_compared_with_their_like() -> None:
    records = _healthy(1500)
    for record in records:
        # A replay buffer: most steps go on from a forecast, whose errors grow with its length.
        lead = 6 * (record["step"] % 10 + 1)
        record["loss"] *= lead / 6
        record["grad_norm"] *= (lead / 6) ** 1.5
        record[f"lead_loss/{lead}"] = record["loss"]
    assert _alerts(RunSpec(), records) == []
    for record in records[1200:]:
        record["loss"] *= 10
    assert _rules(_alerts(RunSpec(), records))[0] == "loss_spike"


def test_trouble_is_seen_where_every_step_mixes_other_leads() -> None:
    # As in the paper's recipes: 20 batches a step, each of them anywhere within ten days.
    random = np.random.default_rng(0)
    records = _healthy(600)
    for record in records:
        leads = random.permutation(6 * random.integers(1, 41, size=20))
        by_lead = {f"lead_loss/{lead}": record["loss"] * lead / 120 for lead in leads}
        record["loss"] = float(np.mean([by_lead[f"lead_loss/{lead}"] for lead in leads]))
        record["grad_norm"] *= record["loss"]
        record |= by_lead
    assert _alerts(RunSpec(), records) == []
    for record in records[400:]:
        record["loss"] *= 10
        record["grad_norm"] *= 30
    assert {"loss_spike", "exploding_gradient"} <= set(_rules(_alerts(RunSpec(), records)))


def test_a_loss_that_stands_still_at_a_high_rate_is_a_plateau() -> None:
    records = _healthy(300) + _healthy(700)
    for step, record in enumerate(records, start=1):
        record["step"] = step
        if step > 300:
            record["loss"] = 0.1 * (1 + 0.01 * math.sin(step))
    (alert,) = _alerts(RunSpec(), records)
    assert alert.rule == "plateau"
    assert 550 <= alert.step <= 900
    assert alert.remedy().key == "double-rate"
    assert alert.remedy().start == "here"
    for record in records[400:]:
        record["lr"] = 1e-4
    assert _alerts(RunSpec(), records) == []


def _validation(step: int, loss: float) -> dict:
    return {"step": step, "split": "validation", "loss": loss}


def _with_validation(losses: list[float], training: list[float]) -> list[dict]:
    records = []
    for number, (loss, trained) in enumerate(zip(losses, training, strict=True)):
        for step in range(number * 20 + 1, number * 20 + 21):
            records.append({"step": step, "split": "train", "loss": trained})
        records.append(_validation(number * 20 + 20, loss))
    return records


def test_validation_that_rises_while_training_falls_is_overfitting() -> None:
    training = [1.0, 0.8, 0.6, 0.5, 0.4, 0.35, 0.3]
    records = _with_validation([1.0, 0.9, 0.8, 0.86, 0.9, 0.95, 1.0], training)
    (alert,) = _alerts(RunSpec(), records)
    assert (alert.rule, alert.step, alert.good_step) == ("overfitting", 120, 60)
    assert "19% above its best at step 60" in alert.message
    assert alert.remedy().start == "best"
    both_rise = _with_validation([1.0, 0.8, 0.9, 0.95, 1.0], [0.6, 0.5, 0.6, 0.7, 0.8])
    assert "overfitting" not in _rules(_alerts(RunSpec(), both_rise))
    wavers = _with_validation([1.0, 0.8, 0.86, 0.81, 0.86, 0.82, 0.8], training)
    assert _alerts(RunSpec(), wavers) == []


def test_a_recorded_variable_without_weight_is_found_dead(learner, stream, alerts_in) -> None:
    spec = learner.with_overrides(['loss.weights={"tcwv":0}'])
    (alert,) = alerts_in(spec, stream("weightless-variable"))
    assert (alert.rule, alert.subject, alert.step) == ("dead_variable", "tcwv", 150)
    assert alert.id == "dead_variable-150-tcwv"
    assert alert.remedy().key == "weigh"
    assert alert.remedy().assignments == ('loss.weights={"tcwv": 1.0}',)
    assert spec.with_overrides(alert.remedy().assignments).loss.weights == {"tcwv": 1.0}


def test_new_embeddings_without_gradient_are_found_after_ten_steps(learner) -> None:
    records = _healthy(30, **{"grad_norm/new_embeddings": 0.0})
    (alert,) = _alerts(learner, records)
    assert (alert.rule, alert.step) == ("dead_variable", 10)
    without = learner.replace(variables=())
    assert _alerts(without, records) == []


def test_a_single_variable_without_gradient_is_named(learner) -> None:
    records = _healthy(60, **{"grad_norm/new_embeddings": 1.0})
    for record in records[9::10]:
        record["grad_norm/new_embeddings/surf_tcwv"] = 0.0
    (alert,) = _alerts(learner, records)
    assert (alert.rule, alert.subject, alert.step) == ("dead_variable", "tcwv", 30)
    assert [remedy.key for remedy in alert.remedies] == ["weigh"]


def test_a_new_variable_on_levels_is_judged_by_their_mean() -> None:
    spec = RunSpec(variables=(VariableSpec(name="w", group="atmospheric"),))
    records = _healthy(200, **{"loss/w/850": 1.0, "loss/w/500": 1.2})
    (alert,) = _alerts(spec, records)
    assert (alert.rule, alert.subject) == ("dead_variable", "w")
    assert "1.1 at first, 1.1 now" in alert.message


def test_what_was_learned_before_need_not_be_learned_again() -> None:
    variables = (VariableSpec(name="tcwv"),)
    records = _healthy(400, **{"loss/tcwv": 0.1})
    assert _rules(_alerts(RunSpec(variables=variables), records)) == ["dead_variable"]
    second_stage = ModelSpec(source="run", run="20260101-000000-first-0000")
    assert _alerts(RunSpec(variables=variables, model=second_stage), records) == []
    resumed = [record | {"step": record["step"] + 5000} for record in records]
    assert _alerts(RunSpec(variables=variables), resumed) == []
    for record in resumed[:20]:
        record["grad_norm/new_embeddings"] = 0.0
    assert _rules(_alerts(RunSpec(variables=variables), resumed)) == ["dead_variable"]


def test_steps_that_become_slow_are_a_collapse_of_throughput() -> None:
    records = _healthy()
    for record in records[100:]:
        record["step_seconds"] *= 5
    (alert,) = _alerts(RunSpec(), records)
    assert alert.rule == "throughput"
    assert 108 <= alert.step <= 120
    waits = _healthy()
    for record in waits[100:]:
        record["step_seconds"] += 0.25
        record["data_seconds"] += 0.25
    assert _alerts(RunSpec(), waits) == []


@pytest.mark.parametrize("kind", ["backprop", "pushforward"])
def test_steps_through_longer_forecasts_may_take_longer(kind: str) -> None:
    spec = RunSpec().with_overrides(
        [f"rollout.kind={kind}", "rollout.steps=8", "rollout.curriculum=[[100, 2]]"]
    )
    records = _healthy()
    for record in records:
        record["step_seconds"] *= 2 if record["step"] <= 100 else 8
    assert _alerts(spec, records) == []
    for record in records[150:]:
        record["step_seconds"] *= 4
    assert _rules(_alerts(spec, records)) == ["throughput"]


def test_waiting_for_data_most_of_the_time_is_told() -> None:
    records = _healthy()
    for record in records[50:]:
        record["data_seconds"], record["step_seconds"] = 0.7, 1.0
    (alert,) = _alerts(RunSpec(), records)
    assert alert.rule == "data_wait"
    assert "data prepare" in alert.advice
    assert alert.remedy().assignments == ("loader.prefetch=4", "loader.workers=4")
    assert [remedy.start for remedy in alert.remedies] == ["here", "here"]
    quick = _healthy()
    for record in quick:
        record["data_seconds"], record["step_seconds"] = 0.007, 0.01
    assert _alerts(RunSpec(), quick) == []


@pytest.mark.parametrize(
    ("gauges", "subject"),
    [
        ({"memory_bytes": 76 * GIB, "memory_limit_bytes": 80 * GIB}, "device"),
        ({"host_used_bytes": 30 * GIB, "host_limit_bytes": 32 * GIB}, "host"),
    ],
)
def test_memory_near_its_limit_is_told_with_what_saves_most(gauges, subject) -> None:
    (alert,) = _alerts(RunSpec(), _healthy(40, **gauges))
    assert (alert.rule, alert.subject, alert.step) == ("memory", subject, 1)
    assert alert.remedy().key == "checkpoint-activations"
    enough = {name: value * (0.9 if "limit" not in name else 1) for name, value in gauges.items()}
    assert _alerts(RunSpec(), _healthy(40, **enough)) == []


def test_a_disk_without_room_for_two_checkpoints_is_nearly_full() -> None:
    roomy = {"disk_free_bytes": 31.0 * GIB, "checkpoint_bytes": 15.0 * GIB}
    assert _alerts(RunSpec(), _healthy(20, **roomy)) == []
    tight = {"disk_free_bytes": 29.0 * GIB, "checkpoint_bytes": 15.0 * GIB}
    (alert,) = _alerts(RunSpec(), _healthy(20, **tight))
    assert (alert.rule, alert.remedy().key) == ("disk", "keep-one")
    assert "wanted, a checkpoint takes 15." in alert.message
    (alert,) = _alerts(RunSpec(), _healthy(20, disk_free_bytes=1.0 * GIB))
    assert alert.message == "1 GiB are free on the disk of the run; 2 GiB are wanted."


def test_values_that_are_missing_or_not_finite_are_no_sign() -> None:
    records = _healthy(100)
    for record in records[50:]:
        record |= {"grad_norm": None, "loss": math.nan, "step_seconds": math.inf}
    assert _alerts(RunSpec(), records) == []


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_settings_an_explanation_and_advice_and_can_be_switched_off(name) -> None:
    rule = RULES[name](RunSpec())
    assert rule.explanation.endswith(".")
    assert rule.advice.endswith(".")
    assert name in dict(RunSpec().health.rules())
    off = RunSpec().with_overrides([f"health.{name}.action=off"])
    assert name not in HealthMonitor(off)._rules
