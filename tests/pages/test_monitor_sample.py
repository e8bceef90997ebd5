"""Monitor: the maps of the validation sample, its steps and its error in numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.watched import WatchedFolder
from tests.pages.helpers import OpenPage, texts
from tests.runs.test_watched import kept

MakeRun = Callable[..., Run]
_ERRORS = {0: 4.0, 5: 2.0, 10: 1.0}


@pytest.fixture
def at_steps(make_run: MakeRun) -> Run:
    """A run that validated at the steps whose forecasts are kept."""
    run = make_run(RunState.COMPLETED)
    run.metrics_path.unlink()
    with MetricsWriter(run.metrics_path) as metrics:
        for step, error in _ERRORS.items():
            WatchedFolder(run.folder).write(kept(), kept(step), keep=9)
            told = {"watched_rmse/2t": error, "watched_rmse/so2/0.5": error / 10}
            metrics.write({"step": step, "split": "validation", "loss": 1.0, **told})
    return run


def _error(app: AppTest) -> tuple[str, str, str]:
    found = next(m for m in app.metric if m.label.startswith("Root mean square"))
    return found.label.partition(" at ")[2], str(found.value), str(found.delta)


def _maps(app: AppTest) -> int:
    return len(app.get("bidi_component"))


def test_a_live_run_says_when_the_maps_begin(open_page: OpenPage, live_run: Run) -> None:
    app = open_page("monitor", run=live_run.id)
    assert "The maps begin with the first validation." in texts(app)


def test_the_newest_is_shown_and_any_step_can_be_chosen(open_page: OpenPage, at_steps: Run) -> None:
    app = open_page("monitor", run=at_steps.id)
    assert not app.exception
    assert _error(app) == ("step 10", "1 K", "-75.0% since step 0")
    assert "Validation sample 4 of norway: from 2025-06-01 06:00 UTC" in texts(app)
    app = app.toggle(key="sample-newest").set_value(False).run()
    assert _error(app)[0] == "step 10"
    app = app.select_slider(key="sample-step").set_value(5).run()
    assert _error(app) == ("step 5", "2 K", "-50.0% since step 0")
    WatchedFolder(at_steps.folder).write(kept(), kept(15), keep=9)
    assert _error(app.run())[0] == "step 5"
    app = app.toggle(key="sample-newest").set_value(True).run()
    assert "sample-step" not in [slider.key for slider in app.select_slider]
    (at_steps.folder / "watched" / "step-00000015.nc").unlink()
    app = app.selectbox(key="sample-variable").set_value("so2").run()
    assert _error(app)[1] == "0.1 µg m⁻³"
    app = app.toggle(key="sample-play").set_value(True).run()
    assert not app.exception


@pytest.mark.slow
def test_closed_it_reads_nothing(open_page: OpenPage, at_steps: Run) -> None:
    app = open_page("monitor", run=at_steps.id)
    drawn = _maps(app)
    app = app.toggle(key="sample-open").set_value(False).run()
    assert _maps(app) == drawn - 1
    for path in (at_steps.folder / "watched").iterdir():
        path.write_bytes(b"damaged")
    app = app.run()
    assert not app.error
    app = app.toggle(key="sample-open").set_value(True).run()
    assert "target.nc is damaged" in app.error[0].value.replace("\\", "")
    assert not app.exception
