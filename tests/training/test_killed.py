"""Trainings killed with SIGKILL, wherever they are: a resume goes on as if nothing had happened."""

from __future__ import annotations

import random

import pytest

from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training.engine import train
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


def _recorded(run: Run) -> set[tuple[str, float, float]]:
    """Split, step and loss of all records."""
    return {
        (split, *row)
        for split in run.metrics().splits
        for row in zip(*run.metrics().columns(split, ("step", "loss")).values(), strict=True)
    }


def test_killed_in_a_step_a_save_and_a_validation_it_resumes_bit_for_bit(store, spec) -> None:
    steps = ("training.steps=5", "training.checkpoint_every=2", "training.validate_every=3")
    whole, killed = _run(store, spec, *steps), _run(store, spec, *steps)
    context = forks()
    assert live(context, whole)
    for death in (Death("step", 4, 0.01), Death("save", 1, 0.003), Death("validation", 1, 0.01)):
        assert not live(context, killed, death)
        assert killed.status().state is RunState.INTERRUPTED
    assert live(context, killed)
    assert any(e["message"].startswith("resumed from step-") for e in killed.events())
    assert differences(killed, whole) == []


@pytest.mark.slow
def test_a_resume_survives_metrics_that_were_cut_off(store, spec) -> None:
    longer = spec.with_overrides(["training.steps=4", "training.checkpoint_every=2"])
    whole, cut = store.create(longer), store.create(longer)
    train(whole)
    train(cut, should_stop=lambda: cut.metrics().num_rows() >= 3)
    content = cut.metrics_path.read_bytes()
    # In the middle of the record of step 3, which a checkpoint holds already.
    cut.metrics_path.write_bytes(content[: content.rindex(b'"step":3') + 4])
    assert train(cut).state is RunState.COMPLETED
    for run, steps in ((whole, [1, 2, 3, 4]), (cut, [1, 2, 4])):
        assert run.metrics().column("step").tolist() == steps
    assert cut.metrics().damaged == 0
    assert cut.metrics().column("loss")[-1] == whole.metrics().column("loss")[-1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_fifty_random_moments_it_resumes_bit_for_bit(store, spec) -> None:
    steps = ("training.steps=60", "training.checkpoint_every=4", "training.validate_every=10")
    dice, context = random.Random(6), forks()
    whole = _run(store, spec, *steps)
    assert live(context, whole)
    killed, num_kills = _run(store, spec, *steps), 0
    while num_kills < _KILLS:
        place = dice.choice(list(_DELAYS))
        death = Death(place, dice.randint(1, _COUNTS[place]), dice.uniform(0, _DELAYS[place]))
        if live(context, killed, death):
            assert differences(killed, whole) == []
            killed = _run(store, spec, *steps)
            continue
        num_kills += 1
        # Dead before it took the folder, it leaves the state that it found.
        assert killed.status().state in (RunState.INTERRUPTED, RunState.QUEUED)
        assert _recorded(killed) <= _recorded(whole)
    assert live(context, killed)
    assert differences(killed, whole) == []
