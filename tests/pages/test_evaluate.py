"""Evaluate & maps on a run that was really trained, by an evaluation that was really made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.job import EvaluationState, list_evaluations, load_evaluation
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.rollout_job import forecast_path, list_rollouts
from aurora_dash.evaluation.status import RolloutStatus
from aurora_dash.presets import demo
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, TrainingSpec
from aurora_dash.ui.judging import forecasts, maps, report
from tests.pages.helpers import TINY_DATA, OpenPage, button, parameter, texts, title, wait_until

SPEC = demo().replace(
    name="short", data=TINY_DATA, training=TrainingSpec(steps=2, validate_every=2)
)


def test_without_a_checkpoint_it_says_what_is_missing(
    open_page: OpenPage, make_run: Callable[..., Run]
) -> None:
    make_run(RunState.STOPPED)
    app = open_page("evaluate")
    assert not app.exception
    assert "Nothing to judge yet" in texts(app)


@pytest.fixture
def trained(store: RunStore) -> Run:
    """Two steps of real training."""
    from aurora_dash.training.engine import train

    run = store.create(SPEC)
    assert train(run).state is RunState.COMPLETED
    return run


@pytest.mark.slow
def test_an_evaluation_is_made_followed_and_shown(open_page: OpenPage, trained: Run) -> None:
    app = open_page("evaluate", run=trained.id)
    assert "No evaluation of this run yet" in texts(app)
    app.selectbox(key="ask-split-the run's own data").set_value("all")
    app = app.run().button(key="ask").click().run()
    evaluation_id = parameter(app, "evaluation")
    wait_until(lambda: not list_evaluations(trained)[0].state.is_live, 120)
    [status] = list_evaluations(trained)
    assert status.state is EvaluationState.COMPLETED, status.reason

    app = open_page("evaluate", run=trained.id, evaluation=evaluation_id, view="Table")
    assert not app.exception
    assert not app.error
    assert "synthetic data" in texts(app)
    assert "random weights" in texts(app)
    table = app.dataframe[0].value
    assert {"Fine-tuned", "Persistence", "Before fine-tuning"} <= set(table.columns)
    # 4 surface variables and 5 on 2 levels.
    assert len(table) == 14
    _scores_are_those_of_the_file(table, load_evaluation(trained, evaluation_id).records())
    _maps_show_the_fields(trained, evaluation_id)
    _the_report_can_be_had(app, load_evaluation(trained, evaluation_id))


def _the_report_can_be_had(app: AppTest, result: EvaluationResult) -> None:
    offered = {element.proto.label for element in app.get("download_button")}
    assert {"Report (HTML)", "Model card (Markdown)"} <= offered
    assert report._html(result).startswith(b"<!doctype html>")
    assert report._archive(result).startswith(b"PK")


def _scores_are_those_of_the_file(table: object, records: list[dict[str, object]]) -> None:
    [expected] = [
        r["value"]
        for r in records
        if (r["variable"], r["metric"], r["source"]) == ("2t", "rmse", "persistence")
    ]
    shown = table[table["Variable"] == "2t"]["Persistence"].iloc[0]  # type: ignore[index]
    assert shown == expected


def _maps_show_the_fields(run: Run, evaluation_id: str) -> None:
    from aurora_dash.evaluation.maps.drawing import Kind, View
    from aurora_dash.evaluation.maps.forecasts import At
    from aurora_dash.ui.judging.map_choice import Choice

    result = load_evaluation(run, evaluation_id)
    assert result.fields_path is not None
    with open_fields(result.fields_path) as dataset:
        truth = dataset["atmos_z"].sel(source="target", lead=6, level=500.0).isel(sample=1).values
    origin = maps.map_origins.Origin(run.id, evaluation_id)
    with origin.open() as forecasts:
        at = At(key="atmos_z", level=500.0, sample=1, lead_hours=6)
        np.testing.assert_array_equal(forecasts.target(at), truth)
        assert forecasts.labels == ("synthetic data", "random weights")
    view = View(at=at, kinds=(Kind.PREDICTION, Kind.TARGET, Kind.ERROR))
    choice = Choice(view=view, projection="plate_carree", swipe=False, play=False)
    assert maps.map_files.render(origin, None, choice, "png").startswith(b"\x89PNG")
    assert maps.map_files.render(origin, None, choice, "pdf").startswith(b"%PDF")


@pytest.mark.slow
def test_a_forecast_is_made_and_listed_with_its_file(open_page: OpenPage, trained: Run) -> None:
    app = open_page("evaluate", run=trained.id)
    app.number_input(key="roll-leads").set_value(2)
    app.selectbox(key="roll-format").set_value("nc")
    app = app.run().button(key="roll").click().run()
    assert not app.exception
    wait_until(lambda: not list_rollouts(trained)[0].state.is_live, 120)
    [status] = list_rollouts(trained)
    assert status.state is EvaluationState.COMPLETED, status.reason
    app = open_page("evaluate", run=trained.id)
    assert not app.exception
    assert "1 forecast of 2 steps" in texts(app)
    path = forecast_path(trained, status)
    assert str(path) in [code.value for code in app.code]
    assert "NetCDF" in {element.proto.label for element in app.get("download_button")}
    path.unlink()
    app = open_page("evaluate", run=trained.id)
    assert "was deleted" in texts(app)


@pytest.mark.slow
def test_forecasts_that_rest_say_why_and_can_go_on(
    open_page: OpenPage, trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[str] = []
    monkeypatch.setattr(forecasts, "resume_rollout", lambda run, name, roots: resumed.append(name))
    request = RolloutRequest(run=trained.id, leads=8, max_starts=1)
    for state, reason in (("failed", "The disk is full."), ("interrupted", "Its process is gone.")):
        folder = trained.forecast_folder / f"20260101-000000-{state}"
        folder.mkdir(parents=True)
        status = RolloutStatus(
            id=folder.name, state=state, reason=reason, request=request, done=3, total=8
        )
        (folder / "status.json").write_text(status.model_dump_json())
    app = open_page("evaluate", run=trained.id)
    assert "The disk is full. 3 of 8 steps are kept." in app.error[0].value
    assert "Its process is gone. 3 of 8 steps are kept." in app.warning[0].value
    app.button(key="resume-20260101-000000-failed").click().run()
    assert resumed == ["20260101-000000-failed"]


@pytest.mark.slow
def test_files_outside_the_roots_are_refused(open_page: OpenPage, trained: Run) -> None:
    app = open_page("evaluate", run=trained.id)
    app = app.selectbox(key="ask-data").set_value("other files").run()
    app.text_area(key="ask-paths").set_value("/etc/passwd")
    app = app.run().button(key="ask").click().run()
    assert not app.exception
    assert "outside the folders" in app.error[0].value
    assert list_evaluations(trained) == []


@pytest.mark.slow
def test_a_draft_is_trained_to_its_end_from_the_page(
    open_page: OpenPage, store: RunStore, tmp_path: Path
) -> None:
    from aurora_dash.ui.drafts import DraftStore

    draft = DraftStore(store.root).create(SPEC)
    app = button(open_page("train", draft=draft.id), "Launch").click().run()
    assert title(app) == "Monitor"
    run = store.get(parameter(app, "run"))
    wait_until(lambda: not run.status().is_live, 120)
    assert run.status().state is RunState.COMPLETED, run.status().reason
    assert RunSpec.build(json.loads(run.spec_path.read_text())) == SPEC
    app = open_page("monitor", run=run.id)
    assert "Training is complete" in app.success[0].value
