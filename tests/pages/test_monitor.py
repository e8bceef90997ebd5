"""Monitor: the true state of a run in words, its controls, its charts, its log."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.runs.control import Action
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.status import RunState, recorded_status, write_status
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.ui import actions, resuming
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import OpenPage, button, labels, parameter, texts, title

MakeRun = Callable[..., Run]


def shown(app: object) -> str:
    return texts(app).replace("\\", "")  # type: ignore[arg-type]


def test_without_runs_it_says_where_to_begin(open_page: OpenPage) -> None:
    app = open_page("monitor")
    assert not app.exception
    assert "Nothing to watch yet" in texts(app)


def test_a_run_that_is_gone_is_said(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    app = open_page("monitor", run="20250101-000000-gone-abcd")
    assert "is not here any more" in app.warning[0].value
    assert parameter(app, "run") == run.id


def test_runs_of_one_name_and_minute_are_kept_apart(open_page: OpenPage, make_run: MakeRun) -> None:
    first, second = (make_run(RunState.STOPPED, name="twin") for _ in range(2))
    for run in (first, second):
        app = open_page("monitor", run=run.id)
        assert len(set(app.selectbox[0].options)) == 2
        assert parameter(app.run(), "run") == run.id


def test_a_live_run_shows_progress_and_its_controls(open_page: OpenPage, live_run: Run) -> None:
    app = open_page("monitor", run=live_run.id)
    assert "running" in shown(app)
    assert {"Pause", "Save now", "Stop"} <= set(labels(app))
    assert {m.label: m.value for m in app.metric}["Time left"] == "1 min 35 s"
    assert "Resume from step 1" not in labels(app)


def test_stop_is_acknowledged_at_once_and_reaches_the_trainer(
    open_page: OpenPage, live_run: Run
) -> None:
    app = button(open_page("monitor", run=live_run.id), "Stop").click().run()
    assert "Stopping: waiting for the step at hand to end" in texts(app)
    assert "Stop" not in labels(app)
    assert live_run.take_requests() == [Action.STOP]


def test_pause_reaches_the_trainer_and_a_paused_run_can_go_on(
    open_page: OpenPage, live_run: Run
) -> None:
    app = button(open_page("monitor", run=live_run.id), "Pause").click().run()
    assert "Pausing" in texts(app)
    assert live_run.take_requests() == [Action.PAUSE]


def test_charts_are_drawn_from_the_metrics(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    assert charts(open_page("monitor", run=run.id)) == ["loss", "norm"]


@pytest.mark.parametrize(
    ("section", "its_charts"),
    [
        ("losses", ["variables", "levels"]),
        ("gradients", ["group-norms", "rate"]),
        ("machine", ["time", "memory"]),
    ],
)
def test_a_section_is_drawn_while_it_is_open_and_a_link_opens_it(
    open_page: OpenPage, make_run: MakeRun, section: str, its_charts: list[str]
) -> None:
    app = open_page("monitor", run=make_run(RunState.COMPLETED).id, **{section: "true"})
    assert not app.exception
    assert charts(app) == ["loss", "norm", *its_charts]


def charts(app: object) -> list[str]:
    """Names of the charts of a page, in their order."""
    payloads = [json.loads(e.proto.bytes) for e in app.get("bidi_component")]  # type: ignore[attr-defined]
    return [payload["key"].partition("-2")[0] for payload in payloads]


def test_a_link_shows_the_same_view(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    app = open_page(
        "monitor", run=run.id, along="UTC", log="true", smoothing="0.9", hide="loss.validation"
    )
    assert not app.exception
    loss, norm = (json.loads(e.proto.bytes) for e in app.get("bidi_component"))
    assert (loss["hidden"], norm["hidden"]) == (["validation"], [])
    layout = loss["frame"]["layout"]
    assert (layout["xaxis"]["title"]["text"], layout["xaxis"]["type"]) == ("Time (UTC)", "date")
    assert layout["yaxis"]["type"] == "log"
    assert "training, smoothed" in [trace["name"] for trace in loss["frame"]["data"]]


def test_of_many_variables_the_largest_are_drawn_and_the_others_can_be_chosen(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    run = make_run(RunState.COMPLETED)
    losses = {f"loss/v{number:02d}": 100.0 + number for number in range(30)}
    with MetricsWriter(run.metrics_path) as metrics:
        metrics.write({"step": 11, "split": "train", "loss": 1.0, **losses})
    app = open_page("monitor", run=run.id, losses="true")
    assert names(app, "variables") == [f"v{number:02d}" for number in range(22, 30)]
    app = app.multiselect(key="variables").set_value(["v03", "z"]).run()
    assert names(app, "variables") == ["z", "v03"]
    assert charts(app) == ["loss", "norm", "variables", "levels"]


def names(app: object, chart: str) -> list[str]:
    """Names of the curves of a chart."""
    payloads = [json.loads(e.proto.bytes) for e in app.get("bidi_component")]  # type: ignore[attr-defined]
    (payload,) = (p for p in payloads if p["key"].startswith(chart))
    return [trace["name"] for trace in payload["frame"]["data"]]


def test_how_the_model_got_its_weights_is_shown_by_group(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    run = make_run(RunState.COMPLETED)
    assert "Weights of this run" not in str(
        [e.label for e in open_page("monitor", run=run.id).expander]
    )
    groups = {"encoder": {"matched": 2}, "decoder": {"matched": 1, "mismatched": 1}}
    report = {"matched": ["a", "b", "c"], "mismatched": ["decoder.surf_heads.2t.bias"]}
    run.save_load_report({"source": "x.ckpt", "refused": "Too wide.", "groups": groups, **report})
    app = open_page("monitor", run=run.id)
    assert not app.exception
    assert "Weights of this run: 3 matched, 1 other shape" in [e.label for e in app.expander]
    table = next(d.value for d in app.dataframe if "Group" in d.value)
    assert list(table["Group"]) == ["encoder", "decoder", "all"]
    assert list(table["Other shape"]) == [0, 1, 1]
    assert "Too wide." in [error.value for error in app.error]
    assert "decoder.surf_heads.2t.bias" in [code.value for code in app.code]


def test_a_completed_run_leads_on_to_the_evaluation(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    (run.checkpoints_folder / "step-00000010").mkdir(parents=True)
    (run.checkpoints_folder / "step-00000010" / "meta.json").write_text("{}")
    app = open_page("monitor", run=run.id)
    assert "Training is complete" in app.success[0].value
    assert title(button(app, "Evaluate & maps").click().run()) == "Evaluate & maps"


def test_a_failed_run_shows_why_and_the_way_on(
    open_page: OpenPage, make_run: MakeRun, store: RunStore
) -> None:
    reason, remedy = "The loss is not finite at step 7 (2t).", "Lower the learning rate."
    run = make_run(RunState.FAILED, reason=reason, remedy=remedy)
    app = open_page("monitor", run=run.id)
    assert reason in app.error[0].value.replace("\\", "")
    assert remedy in app.error[0].value
    assert "Traceback" not in shown(app)
    app = button(app, "Change and run again").click().run()
    assert title(app) == "Train"
    draft = DraftStore(store.root).get(parameter(app, "draft"))
    assert draft.spec == run.spec()


def test_a_dead_owner_reads_as_interrupted_and_can_be_resumed(
    open_page: OpenPage, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(RunState.STOPPED)
    alive = recorded_status(run.folder).model_copy(update={"state": RunState.RUNNING})
    write_status(run.folder, alive)
    launched: list[Run] = []
    monkeypatch.setattr(resuming, "launch", launched.append)
    app = open_page("monitor", run=run.id)
    assert "interrupted" in shown(app)
    assert "Pause" not in labels(app)
    button(app, "Start again").click().run()
    assert launched == [run]


def test_a_changed_spec_is_shown_and_resumed_with_after_a_yes(
    open_page: OpenPage, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(RunState.STOPPED)
    folder = run.checkpoints_folder / "step-00000010"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"spec": run.spec().model_dump(mode="json")}))
    launched: list[Run] = []
    monkeypatch.setattr(resuming, "launch", launched.append)
    app = open_page("monitor", run=run.id)
    assert "Resume from step 10" in labels(app)
    assert "Agree and resume" not in labels(app)
    app.text_area[0].set_value("training.steps=30\n").run()
    assert "training.steps" in str(app.table[0].value)
    button(app, "Agree and resume").click().run()
    assert launched == [run]
    assert run.spec().training.steps == 30
    assert "training.steps 20 -> 30" in run.events()[-1]["message"]


def test_an_edited_spec_is_not_resumed_with_unseen(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.STOPPED)
    folder = run.checkpoints_folder / "step-00000010"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"spec": run.spec().model_dump(mode="json")}))
    run.save_spec(run.spec().with_overrides(["optimiser.lr=0.5"]))
    app = open_page("monitor", run=run.id)
    assert "Resume from step 10" not in labels(app)
    assert "optimiser.lr" in str(app.table[0].value)
    app.text_area[0].set_value("model.stabilise_level_agg=true").run()
    assert "has other weights" in app.error[-1].value
    assert "Agree and resume" not in labels(app)


def test_a_queued_run_shows_its_place(open_page: OpenPage, store: RunStore) -> None:
    from aurora_dash.presets import demo

    run = store.create(demo())
    owner = Owner.take(run, state=RunState.QUEUED)
    try:
        owner.update(queue_place=1, waiting_for="cpu, behind another run")
        app = open_page("monitor", run=run.id)
        assert "Place 1 in the queue: waiting for cpu, behind another run." in app.info[0].value
        assert "Take out of the queue" in labels(app)
    finally:
        owner.release()


def test_the_log_ends_with_its_newest_event(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.STOPPED)
    run.log_event("warning", "the second thing")
    log = shown(open_page("monitor", run=run.id))
    assert log.index("the second thing") > log.index("ten steps were done")


def test_the_log_is_searched_and_filtered_by_level(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.STOPPED)
    run.log_event("warning", "the disk is nearly full")
    run.log_event("error", "the GPU fell off the bus")
    app = open_page("monitor", run=run.id)
    app = app.segmented_control(key="log-level").set_value("Warnings").run()
    assert "ten steps" not in shown(app)
    assert "nearly full" in shown(app)
    app = app.text_input(key="log-words").set_value("gpu").run()
    assert "nearly full" not in shown(app)
    assert "fell off" in shown(app)


def _files_of_the_log(app: AppTest) -> list[str]:
    labels = [button.proto.label for button in app.get("download_button")]
    return [label for label in labels if not label.startswith("Metrics")]


def test_the_whole_log_and_what_processes_printed_can_be_read_and_downloaded(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    run = make_run(RunState.STOPPED)
    app = open_page("monitor", run=run.id)
    assert _files_of_the_log(app) == ["events.jsonl"]
    (run.folder / "trainer.log").write_text("loading 1 %\rloading 2 %\nW: slow disk\n")
    app = open_page("monitor", run=run.id)
    assert _files_of_the_log(app) == ["events.jsonl", "trainer.log"]
    app = app.segmented_control(key="log-of").set_value("Output").run()
    assert "loading 2 %\nW: slow disk" in [code.value for code in app.code]
    app = app.text_input(key="log-words").set_value("SLOW").run()
    assert "W: slow disk" in [code.value for code in app.code]


def test_a_crash_can_be_read_in_full(open_page: OpenPage, make_run: MakeRun) -> None:
    run = make_run(RunState.FAILED, reason="It crashed.")
    details = "Traceback (most recent call last):\nRuntimeError: odd"
    run.log_event("error", "training crashed", traceback=details)
    app = open_page("monitor", run=run.id)
    assert details in [code.value for code in app.code]


def test_a_run_with_a_damaged_spec_is_shown_without_a_traceback(
    open_page: OpenPage, make_run: MakeRun
) -> None:
    run = make_run(RunState.COMPLETED)
    run.spec_path.write_text("{", encoding="utf-8")
    app = open_page("monitor", run=run.id)
    assert not app.exception
    assert not app.error


def test_a_deleted_run_leaves_the_list(
    open_page: OpenPage, make_run: MakeRun, store: RunStore
) -> None:
    app = open_page("monitor", run=make_run(RunState.COMPLETED).id)
    app = app.button(key="delete-run").click().run()
    assert store.list() == []
    assert "moved to the trash" in app.info[0].value


def test_training_on_begins_from_the_best_checkpoint(make_run: MakeRun) -> None:
    run = make_run(RunState.COMPLETED)
    spec = actions.continuation(run.spec(), run.id)
    assert (spec.model.source, spec.model.run, spec.model.checkpoint) == ("run", run.id, "best")
    assert spec.data == run.spec().data
