"""Trainings killed with SIGKILL, wherever they are: a resume goes on as if nothing had happened."""

from __future__ import annotations

import random

import pytest

from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from tests.training.dying import Death, differences, forks, live

# Everything that has a state: averages, a replay buffer, early stopping, the best checkpoint.
_STATEFUL = (
    *("optimiser.ema_decay=0.9", "training.patience=1000", "training.best_metric=loss/2t"),
    *("rollout.kind=replay", "rollout.steps=3", "rollout.refresh_every=2"),
    *("rollout.validate_steps=2", "training.batch_size=1", "training.accumulate=2"),
    *("training.keep_checkpoints=2", "training.statistics_every=3"),
)
_KILLS = 50
_DELAYS = {"start": 2.0, "step": 0.06, "save": 0.06, "validation": 0.06}
_COUNTS = {"start": 1, "step": 12, "save": 4, "validation": 3}


def _run(store: RunStore, spec: RunSpec, *assignments: str) -> Run:
    return store.create(spec.with_overrides([*_STATEFUL, *assignments]))


def _recorded(run: Run) -> set[tuple[str, int, float]]:
    """The numbers that stand in the file, superseded ones too."""
    return {
        (split, int(step), loss)
        for split in run.metrics().splits
        for step, loss in _rows(run, split)
    }


def _rows(run: Run, split: str) -> list[tuple[float, float]]:
    columns = run.metrics().columns(split, ("step", "loss"))
    return list(zip(columns["step"].tolist(), columns["loss"].tolist(), strict=True))


def test_killed_in_a_step_a_save_and_a_validation_it_resumes_bit_for_bit(store, spec) -> None:
    steps = ("training.steps=12", "training.checkpoint_every=2", "training.validate_every=4")
    whole, killed = _run(store, spec, *steps), _run(store, spec, *steps)
    context = forks()
    assert live(context, whole)
    for death in (Death("step", 4, 0.01), Death("save", 2, 0.003), Death("validation", 1, 0.01)):
        assert not live(context, killed, death)
        assert killed.status().state is RunState.INTERRUPTED
    assert live(context, killed)
    assert any(e["message"].startswith("resumed from step-") for e in killed.events())
    assert differences(killed, whole) == []


@pytest.mark.slow
def test_killed_at_fifty_random_moments_it_resumes_bit_for_bit(
    store, spec, record_property
) -> None:
    steps = ("training.steps=90", "training.checkpoint_every=4", "training.validate_every=10")
    dice, context = random.Random(6), forks()
    whole = _run(store, spec, *steps)
    assert live(context, whole)
    killed, num_kills, num_runs = _run(store, spec, *steps), 0, 1
    while num_kills < _KILLS:
        place = dice.choice(list(_DELAYS))
        death = Death(place, dice.randint(1, _COUNTS[place]), dice.uniform(0, _DELAYS[place]))
        before = _recorded(killed)
        if live(context, killed, death):
            assert differences(killed, whole) == []
            killed, num_runs = _run(store, spec, *steps), num_runs + 1
            continue
        num_kills += 1
        # Dead before it took the folder, it leaves the state that it found.
        assert killed.status().state in (RunState.INTERRUPTED, RunState.QUEUED)
        # What was recorded is there, or was computed again with the same result.
        assert {row for row in before if row[1] <= killed.status().step} <= _recorded(whole)
    assert live(context, killed)
    assert differences(killed, whole) == []
    record_property("completed_runs", num_runs)
