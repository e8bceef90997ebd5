"""``runs``: the same actions as the pages offer, on runs of this and of other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.alerts import Alert, Remedy
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.runs.watched import WatchedFolder
from tests.runs.test_watched import kept

TRAINER = """
import sys, time
from pathlib import Path
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
run = Run(Path(sys.argv[1]))
with own(run, kind="process") as owner:
    owner.update(state=sys.argv[2], step=4, total_steps=10)
    print("ready", flush=True)
    while True:
        for action in run.take_requests():
            if action == "stop":
                owner.update(state="stopped")
                sys.exit()
            owner.update(state="running")
        time.sleep(0.01)
"""


@pytest.fixture
def trainer() -> Iterator[subprocess.Popen[str]]:
    children: list[subprocess.Popen[str]] = []

    def start(run: Run, state: str = "running") -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", TRAINER, str(run.folder), state],
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout.readline() == "ready\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def _completed(store: RunStore, *assignments: str, loss: float = 0.5) -> Run:
    run = store.create(demo().with_overrides(assignments))
    with own(run) as owner, MetricsWriter(run.metrics_path) as metrics:
        metrics.write({"step": 1, "split": "train", "loss": loss})
        owner.update(state="completed", step=1, total_steps=1, last_loss=loss)
    return run


def test_a_live_run_is_listed_shown_and_stopped_from_another_process(
    cli, store: RunStore, trainer
) -> None:
    run = store.create(demo())
    child = trainer(run)
    (listed,) = cli("runs", "list", "--json").document
    assert (listed["run_id"], listed["state"], listed["steps"]) == (run.id, "running", 4)
    shown = cli("runs", "show", run.id, "--json").document
    assert shown["owner"]["pid"] == child.pid
    assert shown["spec"]["name"] == "demo"
    assert cli("runs", "delete", run.id).code == 2
    assert cli("runs", "resume", run.id).code == 2
    outcome = cli("runs", "stop", run.id, "--wait", 20, "--json")
    assert outcome.code == 0
    assert outcome.document[0]["state"] == "stopped"
    assert child.wait(timeout=10) == 0


def test_a_killed_run_is_listed_as_interrupted(cli, store: RunStore, trainer) -> None:
    run = store.create(demo())
    child = trainer(run)
    child.kill()
    child.wait()
    assert f"{run.id}  interrupted" in cli("runs", "list").out
    refused = cli("runs", "stop", run.id)
    assert refused.code == 2
    assert "interrupted, not under way" in refused.err


def test_a_paused_run_is_told_to_go_on_where_it_is(cli, store: RunStore, trainer) -> None:
    run = store.create(demo())
    trainer(run, "paused")
    assert cli("runs", "resume", run.id).code == 0
    assert cli("runs", "stop", run.id, "--wait", 20, "--json").document[0]["state"] == "stopped"


def test_no_runs_is_an_empty_list(cli, store: RunStore) -> None:
    assert cli("runs", "list", "--json").document == []
    assert str(store.root) in cli("runs", "list").out


def test_show_tells_everything_about_a_run(cli, store: RunStore) -> None:
    run = _completed(store)
    (run.checkpoints_folder / "step-00000001").mkdir(parents=True)
    run.log_event("warning", "Cropped\nto 60 x 60.")
    document = cli("runs", "show", run.id, "--json").document
    assert document["checkpoints"] == ["step-00000001"]
    assert document["metrics"]["train"]["loss"] == 0.5
    assert document["events"][0]["message"] == "Cropped\nto 60 x 60."
    assert document["final_loss"] == 0.5
    assert document["final_validation_loss"] is None
    text = cli("runs", "show", run.id).out
    assert "synthetic data, random weights" in text
    assert "warning: Cropped to 60 x 60." in text


def test_show_tells_what_the_training_takes_of_the_machine(cli, store: RunStore) -> None:
    run = _completed(store)
    with MetricsWriter(run.metrics_path) as metrics:
        sampled = {"cpu_percent": 93.4, "rss_bytes": 2**30, "gpu_percent": 97.0}
        metrics.write({"step": 8, "split": "train", "loss": 0.5, **sampled})
        metrics.write({"step": 9, "split": "train", "loss": 0.4, "samples_per_second": 12.5})
    usage = cli("runs", "show", run.id, "--json").document["usage"]
    assert usage == {**sampled, "samples_per_second": 12.5}
    text = cli("runs", "show", run.id).out
    assert "12.5 samples/s, processor 93 % of a core, memory 1.0 GiB, GPU 97 %" in text


def test_show_names_the_sample_that_is_watched(cli, store: RunStore) -> None:
    run = _completed(store)
    assert cli("runs", "show", run.id, "--json").document["watched"] is None
    for step in (0, 25):
        WatchedFolder(run.folder).write(kept(), kept(step), keep=9)
    watched = cli("runs", "show", run.id, "--json").document["watched"]
    assert (watched["sample"], watched["part"], watched["lead_hours"]) == (4, "norway", 6)
    assert (watched["fields"], watched["steps"]) == (["2t", "so2/0.5"], [0, 25])
    line = "watched sample 4 norway, valid 2025-06-01T12:00:00Z: 2 forecasts from step 0 to 25"
    assert f"{line} of 2t, so2/0.5" in cli("runs", "show", run.id).out
    (run.folder / "watched" / "target.nc").write_bytes(b"CDF")
    assert "is damaged" in cli("runs", "show", run.id, "--json").document["watched"]["problem"]


def test_show_tells_how_the_model_got_its_weights(cli, store: RunStore) -> None:
    run = _completed(store)
    assert cli("runs", "show", run.id, "--json").document["load_report"] is None
    groups = {"encoder": {"matched": 2}, "decoder": {"matched": 1, "unexpected": 1}}
    names = {"matched": ["a", "b", "c"], "unexpected": ["d"]}
    run.save_load_report({"source": "x.ckpt", "groups": groups, **names})
    assert cli("runs", "show", run.id, "--json").document["load_report"]["unexpected"] == ["d"]
    lines = cli("runs", "show", run.id).out.splitlines()
    start = lines.index("weights: x.ckpt: 3 matched, 1 unexpected")
    heading = "group    matched  missing  unexpected  other shape  new  random"
    assert lines[start + 1] == heading
    assert lines[start + 3].split() == ["decoder", "1", "0", "1", "0", "0", "0"]
    assert lines[start + 4].split() == ["all", "3", "0", "1", "0", "0", "0"]
    run.load_report_path.write_text("{")
    assert "load_report.json is damaged" in cli("runs", "show", run.id).out


def test_damaged_runs_are_listed_and_shown_with_their_problem(cli, store: RunStore) -> None:
    run = _completed(store)
    (run.folder / "spec.json").write_text("{")
    (store.root / "photos").mkdir()
    (store.root / "photos" / "beach.jpg").touch()
    listed = {entry["run_id"]: entry for entry in cli("runs", "list", "--json").document}
    assert listed["photos"]["state"] == "failed"
    assert "spec.json" in listed[run.id]["problem"]
    assert cli("runs", "show", run.id, "--json").document["spec"] is None
    assert "spec.json" in cli("runs", "show", run.id).out
    assert cli("runs", "resume", "photos").code == 2


def test_delete_moves_to_the_trash(cli, store: RunStore) -> None:
    runs = [_completed(store), _completed(store)]
    outcome = cli("runs", "delete", *(run.id for run in runs), "--json")
    assert outcome.code == 0
    assert store.list() == []
    for run, entry in zip(runs, outcome.document, strict=True):
        assert entry["run_id"] == run.id
        assert (Path(entry["moved_to"]) / "spec.json").is_file()


def test_compare_shows_losses_and_only_what_differs(cli, store: RunStore) -> None:
    one = _completed(store, "training.steps=10", "loss.weights.2t=2", loss=0.5)
    two = _completed(store, "training.steps=20", loss=0.25)
    document = cli("runs", "compare", one.id, two.id, "--json").document
    assert [entry["final_loss"] for entry in document["runs"]] == [0.5, 0.25]
    assert document["differences"] == {
        "training.steps": {one.id: 10, two.id: 20},
        "loss.weights.2t": {one.id: 2.0, two.id: None},
    }
    lines = cli("runs", "compare", one.id, two.id).out.splitlines()
    assert lines[0].split() == [one.id, two.id]
    assert ["training.steps", "10", "20"] in [line.split() for line in lines]


def test_several_ids_are_checked_before_anything_is_done(cli, store: RunStore) -> None:
    run = _completed(store)
    assert cli("runs", "delete", run.id, "no-such-run").code == 2
    assert store.list() == [run]


def _with_alert(store: RunStore, *assignments: str) -> Run:
    run = store.create(demo().with_overrides(assignments))
    with own(run) as owner:
        owner.update(state="running")
        owner.update(state="failed", reason="Not finite.")
    remedies = [
        Remedy(
            key="halve", label="Halve", explanation="Halves.", assignments=("optimiser.lr=1e-5",)
        ),
        Remedy(
            key="batch",
            label="Batch",
            explanation="Less.",
            assignments=("training.batch_size=3",),
            start="here",
        ),
    ]
    alert = Alert(rule="loss_spike", step=9, message="It jumped.", remedies=tuple(remedies))
    run.log_event(**alert.fields())
    return run


def test_show_lists_alerts_and_their_remedies(cli, store: RunStore) -> None:
    run = _with_alert(store)
    (alert,) = cli("runs", "show", run.id, "--json").document["alerts"]
    assert (alert["id"], alert["open"], alert["rule"]) == ("loss_spike-9", True, "loss_spike")
    lines = cli("runs", "show", run.id).out.splitlines()
    assert "alert loss_spike-9 (open): It jumped." in lines
    assert "  remedies: halve, batch" in lines


def test_fix_applies_the_best_remedy_in_a_new_run(cli, store: RunStore, fake_engine) -> None:
    run = _with_alert(store)
    outcome = cli("runs", "fix", run.id, "--json")
    assert outcome.code == 0
    assert outcome.document["run_id"] != run.id
    assert [trained.id for trained in fake_engine] == [outcome.document["run_id"]]
    assert fake_engine[0].spec().optimiser.lr == 1e-5
    (alert,) = cli("runs", "show", run.id, "--json").document["alerts"]
    assert (alert["applied"], alert["went_on_in"]) == ("halve", fake_engine[0].id)
    assert not alert["open"]


def test_fix_takes_an_alert_and_a_remedy_by_name(cli, store: RunStore, fake_engine) -> None:
    run = _with_alert(store)
    assert cli("runs", "fix", run.id, "loss_spike-9", "--remedy", "batch").code == 0
    assert fake_engine == [run]
    assert run.spec().training.batch_size == 3
    refused = cli("runs", "fix", run.id, "loss_spike-9", "--remedy", "prayer")
    assert refused.code == 2
    assert "halve, batch" in refused.err
    assert cli("runs", "fix", run.id, "nonsense").code == 2


def test_resume_changes_what_the_checkpoint_allows(cli, store: RunStore, fake_engine) -> None:
    run = _with_alert(store)
    unasked = cli("runs", "resume", run.id, "--set", "optimiser.lr=2e-5")
    assert unasked.code == 2
    assert "nobody agreed to that: optimiser.lr" in unasked.err
    assert run.spec().optimiser.lr != 2e-5
    assert fake_engine == []
    agreed = cli("runs", "resume", run.id, "--set", "optimiser.lr=2e-5", "--yes")
    assert agreed.code == 0
    assert "2e-05" in agreed.err
    assert run.spec().optimiser.lr == 2e-5
    assert any("optimiser.lr" in str(event.get("changed")) for event in run.events())
    other = _with_alert(store)
    refused = cli("runs", "resume", other.id, "--set", "model.stabilise_level_agg=true")
    assert refused.code == 2
    assert "other weights" in refused.err
    assert fake_engine == [run]


@pytest.mark.parametrize(
    ("answer", "agrees"), [("y", True), ("Yes", True), ("n", False), ("", False)]
)
def test_who_can_be_asked_about_a_changed_spec_is_asked(
    cli, store: RunStore, fake_engine, monkeypatch: pytest.MonkeyPatch, answer: str, agrees: bool
) -> None:
    run = _with_alert(store)
    before = run.spec().optimiser.lr
    terminal, keyboard = os.openpty()
    os.write(terminal, f"{answer}\n".encode())
    with os.fdopen(keyboard) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        outcome = cli("runs", "resume", run.id, "--set", "optimiser.lr=2e-5")
    os.close(terminal)
    assert "Go on with this? [y/N]" in outcome.err
    assert outcome.code == (0 if agrees else 2)
    assert fake_engine == ([run] if agrees else [])
    assert run.spec().optimiser.lr == (2e-5 if agrees else before)


def test_a_spec_that_was_edited_by_hand_needs_a_yes_once(cli, store: RunStore, fake_engine) -> None:
    run = _with_alert(store)
    folder = run.checkpoints_folder / "step-00000009"
    folder.mkdir(parents=True, exist_ok=True)
    spec = {"spec": run.spec().model_dump(mode="json")}
    (folder / "meta.json").write_text(json.dumps(spec))
    run.save_spec(run.spec().with_overrides(["optimiser.lr=0.5"]))
    refused = cli("runs", "resume", run.id)
    assert refused.code == 2
    assert "nobody agreed" in refused.err
    assert cli("runs", "resume", run.id, "--yes").code == 0
    assert fake_engine == [run]


def test_more_steps_let_a_completed_run_go_on(cli, store: RunStore, fake_engine) -> None:
    run = _completed(store)
    assert cli("runs", "resume", run.id).code == 2
    assert cli("runs", "resume", run.id, "--set", "training.steps=500", "--yes").code == 0
    assert fake_engine == [run]


def test_the_spec_of_a_live_run_is_not_changed(cli, store: RunStore, trainer) -> None:
    run = store.create(demo())
    trainer(run, "paused")
    refused = cli("runs", "resume", run.id, "--set", "optimiser.lr=1")
    assert refused.code == 2
    assert "can't be changed now" in refused.err
    assert cli("runs", "stop", run.id, "--wait", 20).code == 0
