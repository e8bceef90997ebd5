"""Going on with something changed: checkpoints chosen, specs changed, runs linked."""

from __future__ import annotations

import threading

import pytest

from aurora_dash.errors import RunError
from aurora_dash.runs.alerts import Alert, Remedy
from aurora_dash.runs.fix import (
    alerts_of,
    branch,
    change_spec,
    choose_checkpoint,
    find_alert,
    fix,
    is_fixable,
    keeps_parameters,
    stop_and_wait,
)
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, VariableSpec


def _trained(store: RunStore, *, best: int = 20, steps: tuple[int, ...] = (10, 20, 30)) -> Run:
    """A run that failed at step 33 with checkpoints at `steps`."""
    run = store.create(RunSpec(name="runaway").with_overrides(["training.steps=100"]))
    with own(run) as owner, MetricsWriter(run.metrics_path) as metrics:
        owner.update(state="running")
        for step in range(1, 34):
            metrics.write({"step": step, "split": "train", "loss": 1 / step})
            if step % 10 == 0:
                metrics.write({"step": step, "split": "validation", "loss": 2 / step})
        for step in steps:
            folder = run.checkpoints_folder / f"step-{step:08d}"
            folder.mkdir(parents=True)
            for name in ("model.pt", "optimiser.pt", "ema.pt", "meta.json"):
                (folder / name).write_text(f"{name} of {step}")
        (run.checkpoints_folder / "best").write_text(f"step-{best:08d}\n")
        owner.update(state="failed", reason="Not finite.", step=33)
    return run


def _alert(**more: object) -> Alert:
    return Alert.model_validate(
        {"rule": "loss_spike", "step": 31, "good_step": 28, "message": "Up."} | more
    )


def _remedy(start: str, *assignments: str) -> Remedy:
    return Remedy.model_validate(
        {"key": "k", "label": "Do it", "explanation": ".", "assignments": assignments}
        | {"start": start}
    )


def test_the_newest_sound_checkpoint_is_chosen(store: RunStore) -> None:
    run = _trained(store, best=10)
    assert choose_checkpoint(run, "rollback", 28) == "step-00000020"
    assert choose_checkpoint(run, "rollback", 30) == "step-00000030"
    assert choose_checkpoint(run, "rollback", 9) is None
    assert choose_checkpoint(run, "best", 9) == "step-00000010"
    assert choose_checkpoint(run, "beginning", 99) is None
    (run.checkpoints_folder / "best").write_text("step-00000077\n")
    assert choose_checkpoint(run, "best", 99) is None


def test_rolling_back_makes_a_run_that_goes_on_with_everything_it_had(store: RunStore) -> None:
    run = _trained(store)
    before = run.spec()
    following = fix(store, run, _alert(), _remedy("rollback", "optimiser.lr=5e-05"), stop_seconds=1)
    assert following.id != run.id
    spec = following.spec()
    assert spec.optimiser.lr == 5e-5
    assert spec.model == before.model
    assert spec.training.steps == 100
    names = sorted(path.name for path in following.checkpoints_folder.iterdir())
    assert names == ["best", "last", "step-00000020"]
    saved = following.checkpoints_folder / "step-00000020"
    assert (saved / "ema.pt").read_text() == "ema.pt of 20"
    assert following.metrics().column("step").tolist() == list(range(1, 21))
    assert following.metrics().column("step", "validation").tolist() == [10, 20]
    assert following.status().is_launchable
    event = following.events()[-1]
    assert event["continues"] == run.id
    assert event["changed"] == {"optimiser.lr": [1e-4, 5e-5]}
    assert run.spec() == before
    assert run.events()[-1]["went_on_in"] == following.id


def test_what_changes_the_parameters_takes_over_the_weights_alone(store: RunStore) -> None:
    run = _trained(store)
    following, changed = branch(store, run, ["model.stabilise_level_agg=true"], "step-00000020")
    model = following.spec().model
    assert (model.source, model.run, model.checkpoint) == ("run", run.id, "step-00000020")
    assert model.stabilise_level_agg
    assert following.spec().training.steps == 80
    assert not following.checkpoints_folder.exists()
    assert changed == {"model.stabilise_level_agg": (False, True)}


def test_without_a_sound_checkpoint_the_new_run_begins_anew(store: RunStore) -> None:
    run = _trained(store)
    remedy = _remedy("rollback", "optimiser.lr=1e-5")
    following = fix(store, run, _alert(good_step=3), remedy, stop_seconds=1)
    assert not following.checkpoints_folder.exists()
    assert following.spec().model == run.spec().model
    assert following.metrics().num_rows() == 0
    assert "from its beginning" in following.events()[-1]["message"]


def test_a_remedy_here_changes_the_spec_of_the_same_run(store: RunStore) -> None:
    run = _trained(store)
    remedy = _remedy("here", "training.batch_size=2")
    assert fix(store, run, _alert(), remedy, stop_seconds=1) == run
    assert run.spec().training.batch_size == 2
    changed = next(e for e in run.events() if "changed" in e)
    assert changed["changed"] == {"training.batch_size": [1, 2]}
    assert "training.batch_size 1 -> 2" in changed["message"]


def test_a_completed_run_has_nothing_left_to_do_here(store: RunStore) -> None:
    run = store.create(RunSpec())
    with own(run) as owner:
        owner.update(state="completed")
    with pytest.raises(RunError, match="is completed"):
        fix(store, run, _alert(), _remedy("here", "training.batch_size=2"), stop_seconds=1)
    assert run.spec() == RunSpec()


def test_another_model_is_refused_for_the_same_run(store: RunStore) -> None:
    run = _trained(store)
    with pytest.raises(RunError, match="other weights"):
        change_spec(run, ["model.stabilise_level_agg=true"])
    assert not run.spec().model.stabilise_level_agg


@pytest.mark.parametrize(
    ("assignment", "kept"),
    [
        ("optimiser.lr=1", True),
        ("training.steps=7", True),
        ("training.accumulate=4", True),
        ("optimiser.kind=adafactor", False),
        ("loss.weights.2t=3", True),
        ("model.activation_checkpointing=true", True),
        ("model.chunks=8", True),
        ('model={"autocast": true, "weights_dtype": "bfloat16"}', True),
        ("optimiser.offload=true", True),
        ("model.autocast=true", True),
        ("model.stabilise_level_agg=true", False),
        ("model.use_lora=true", False),
        ("trainable.parts=new", False),
        ("variables=[]", False),
        ('variables=[{"name":"tcwv","lr":1e-3}]', False),
    ],
)
def test_which_changes_leave_the_parameters_as_they_are(assignment: str, kept: bool) -> None:
    spec = RunSpec(variables=(VariableSpec(name="tcwv"),))
    assert keeps_parameters(spec, spec.with_overrides([assignment])) is kept


def test_a_live_run_is_stopped_first(store: RunStore, wait_until) -> None:
    run = store.create(RunSpec())

    def train() -> None:
        with own(run) as owner:
            owner.update(state="running")
            wait_until(lambda: "stop" in run.take_requests())
            owner.update(state="stopped")

    thread = threading.Thread(target=train)
    thread.start()
    wait_until(lambda: run.status().state is RunState.RUNNING)
    assert is_fixable(run)
    assert fix(store, run, _alert(), _remedy("here", "training.seed=4"), stop_seconds=10) == run
    thread.join()
    assert run.spec().training.seed == 4


def test_a_run_that_does_not_stop_in_time_is_left_as_it_is(store: RunStore) -> None:
    run = store.create(RunSpec())
    with own(run) as owner:
        owner.update(state="running")
        with pytest.raises(RunError, match="did not stop within 0 s"):
            stop_and_wait(run, 0.0)
        owner.update(state="stopping")
        assert not is_fixable(run)
        owner.update(state="stopped")


def test_the_newest_open_alert_is_meant_unless_one_is_named(store: RunStore) -> None:
    run = _trained(store)
    with pytest.raises(RunError, match="no alert with a remedy"):
        find_alert(run)
    clip = _remedy("rollback", "optimiser.clip_norm=0.5")
    for step in (5, 12, 31):
        run.log_event(**_alert(step=step, remedies=(clip,)).fields())
    run.log_event("warning", "x", alert=_alert(rule="cuda", step=33).model_dump(mode="json"))
    run.log_event("info", "over", recovered="loss_spike-31", step=32)
    assert find_alert(run).id == "loss_spike-12"
    assert find_alert(run, "loss_spike-5").step == 5
    assert len(alerts_of(run)) == 4
    with pytest.raises(RunError, match="no alert loss_spike-6") as refusal:
        find_alert(run, "loss_spike-6")
    assert "loss_spike-5, loss_spike-12, loss_spike-31" in refusal.value.remedy
