"""The maps of an evaluation or a stored forecast, on files whose every value is known."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.cli import visualize
from aurora_dash.evaluation.maps.drawing import Kind, View
from aurora_dash.evaluation.maps.forecasts import At
from aurora_dash.evaluation.results import write_result
from aurora_dash.figures.raster.projections import Name
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.ui.judging.map_choice import PROJECTIONS, Choice
from aurora_dash.ui.judging.map_files import render
from aurora_dash.ui.judging.map_origins import Origin
from tests.evaluation.maps.known import SPEC, STARTS, make_result, make_stored, value
from tests.pages.helpers import OpenPage, texts

EVALUATION = "20250101-000000-aaaa"
STATUS = """{"schema_version": 1, "id": "%s", "state": "completed",
 "request": {"run": "%s"}, "created": "2025-01-01T00:00:00Z"}"""


@pytest.fixture
def run(store: RunStore) -> Run:
    return _evaluated(store, STARTS)


def _evaluated(store: RunStore, starts: np.ndarray) -> Run:
    run = store.create(SPEC)
    folder = run.evaluation_folder / EVALUATION
    write_result(make_result(folder, starts))
    (folder / "status.json").write_text(STATUS % (EVALUATION, run.id))
    return run


def _page(run_id: str, evaluation: str | None) -> None:
    from aurora_dash.evaluation.job import load_evaluation
    from aurora_dash.ui.cache import run_store
    from aurora_dash.ui.judging import maps

    run = run_store().get(run_id)
    maps.draw(run, load_evaluation(run, evaluation) if evaluation else None)


def opened(run: Run, evaluation: str | None = EVALUATION, **address: Any) -> AppTest:
    app = AppTest.from_function(_page, args=(run.id, evaluation), default_timeout=60)
    for key, text in address.items():
        app.query_params[key.replace("_", "-")] = text
    app = app.run()
    assert not app.exception, app.exception
    return app


def metric(app: AppTest, label: str) -> float:
    [found] = [shown.value for shown in app.metric if shown.label == label]
    return float(found.split()[0])


def test_the_difference_that_is_shown_is_that_of_the_file(run: Run) -> None:
    app = opened(run)
    assert not app.error
    error = value("model", "surf_2t", 0, 6) - value("target", "surf_2t", 0, 6)
    assert metric(app, "Mean absolute difference") == pytest.approx(np.abs(error).mean())
    app = app.select_slider(key="map-lead").set_value(12).run()
    assert not app.exception
    assert app.pills(key="map-show").value == [
        Kind.PREDICTION, Kind.TARGET, Kind.ERROR, Kind.PERSISTENCE_ERROR,
    ]  # fmt: skip


def test_a_view_comes_back_from_its_address(run: Run) -> None:
    """As a browser writes it there: what a list shows, several values one after another."""
    app = opened(
        run,
        map_variable="t · Temperature",
        map_level="500 hPa",
        map_lead="12 h",
        map_start="2025-01-01 00:00 UTC",
        map_source="Before fine-tuning",
        map_projection="Robinson",
        map_show=["Prediction", "Increment: prediction − initial state"],
        map_swipe="true",
        map_wind="true",
    )
    assert not app.error
    assert app.selectbox(key="map-variable").value == "atmos_t"
    assert app.select_slider(key="map-level").value == 500
    assert app.select_slider(key="map-lead").value == 12
    assert app.selectbox(key="map-source").value == "initial"
    assert app.selectbox(key="map-projection").value == "robinson"
    assert app.pills(key="map-show").value == [Kind.PREDICTION, Kind.INCREMENT]
    assert app.toggle(key="map-swipe").value is True
    one, another = (value(s, "atmos_t", 0, 12, 500) for s in ("initial", "persistence"))
    assert metric(app, "Mean absolute difference") == pytest.approx((one - another).mean())


@pytest.mark.slow
def test_without_a_target_there_is_no_error_in_numbers(run: Run) -> None:
    app = opened(run, map_start="2025-01-01 06:00 UTC", map_lead="12 h")
    assert not app.error
    assert not [shown for shown in app.metric if "difference" in shown.label]
    alone = opened(run, map_start="2025-01-01 06:00 UTC", map_lead="12 h", map_show=["Target"])
    assert "no target at 2025-01-01T18:00Z" in alone.error[0].value


@pytest.mark.slow
def test_a_second_checkpoint_is_subtracted(store: RunStore, run: Run) -> None:
    _evaluated(store, STARTS)
    app = opened(run)
    [named] = [option for option in app.selectbox(key="map-minus").options if "best" in option]
    app = app.selectbox(key="map-minus").set_value(named).run()
    assert not app.exception
    assert not app.error
    assert app.pills(key="map-show-ab").value == [Kind.PREDICTION, Kind.OTHER, Kind.MINUS]
    assert metric(app, "Mean absolute difference") == 0
    app = app.selectbox(key="map-minus").set_value("Before fine-tuning").run()
    minus = value("model", "surf_2t", 0, 6) - value("initial", "surf_2t", 0, 6)
    assert metric(app, "Mean absolute difference") == pytest.approx(np.abs(minus).mean())


@pytest.mark.slow
def test_forecasts_that_share_no_time_say_so(store: RunStore, run: Run) -> None:
    _evaluated(store, STARTS + np.timedelta64(3, "h"))
    app = opened(run)
    [named] = [o for o in app.selectbox(key="map-minus").options if "best" in o]
    app = app.selectbox(key="map-minus").set_value(named).run()
    assert "no valid time and lead time in common" in app.error[0].value


@pytest.mark.slow
def test_a_stored_forecast_is_drawn_without_an_evaluation(
    store: RunStore, open_page: OpenPage
) -> None:
    run = store.create(SPEC)
    (run.checkpoints_folder / "step-00000002").mkdir(parents=True)
    (run.checkpoints_folder / "step-00000002" / "meta.json").write_text("{}")
    make_stored(run.folder / "forecasts" / "far.zarr")
    app = open_page("evaluate", run=run.id)
    assert not app.exception
    assert not app.error
    assert "No evaluation of this run yet" in texts(app)
    assert app.select_slider(key="map-lead").options == ["6 h", "12 h", "18 h"]
    # Its initial time is not in the run's data: there is a prediction and nothing else.
    assert app.pills(key="map-show").options == ["Prediction", "Target", "Prediction − target"]


@pytest.mark.slow
def test_a_path_outside_the_roots_is_refused(run: Run) -> None:
    app = opened(run, None)
    app = app.text_input(key="map-path").set_value("/etc/passwd").run()
    assert not app.exception
    assert "outside the folders" in app.error[0].value


@pytest.mark.slow
def test_an_animation_is_prepared_in_one_scale(run: Run) -> None:
    app = opened(run)
    app = app.toggle(key="map-animate").set_value(True).run()
    assert not app.exception
    assert not app.error


def test_every_projection_is_offered_here_and_on_the_command_line() -> None:
    assert set(PROJECTIONS) == set(visualize.PROJECTIONS) == set(get_args(Name))


@pytest.mark.slow
@pytest.mark.parametrize(("file_format", "begin"), [("pdf", b"%PDF"), ("gif", b"GIF89a")])
def test_files_are_made_of_what_is_chosen(run: Run, file_format: str, begin: bytes) -> None:
    at = At(key="surf_2t", level=None, sample=0, lead_hours=6)
    view = View(at=at, kinds=(Kind.PREDICTION, Kind.ERROR), wind=True)
    choice = Choice(view=view, projection="robinson", swipe=False, play=False)
    made = render(Origin(run.id, EVALUATION), None, choice, file_format)
    assert made.startswith(begin)
