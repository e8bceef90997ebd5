"""Alerts on the Monitor page, their remedies, and the form that sets the rules."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dash.runs import launch as launching
from aurora_dash.runs.alerts import Alert, Remedy
from aurora_dash.runs.fix import alerts_of
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.thread import ThreadLauncher
from aurora_dash.spec.health import HealthSpec
from aurora_dash.ui import alerts, cache
from aurora_dash.ui.forms import health
from aurora_dash.ui.tasks import tasks
from tests.pages.helpers import OpenPage, button, labels, parameter, texts, wait_until

HALVE = Remedy(
    key="halve-rate",
    label="Roll back and halve the rate",
    explanation="A new run.",
    assignments=("optimiser.lr=5e-05",),
)
BATCH = Remedy(
    key="halve-batch",
    label="Batch size 2",
    explanation="Goes on.",
    assignments=("training.batch_size=2",),
    start="here",
)


def _alert(**more: Any) -> Alert:
    values = {
        "rule": "loss_spike",
        "step": 8,
        "good_step": 6,
        "message": "The loss jumped to 5_0.",
        "explanation": "It lost what it had learned.",
        "advice": "Go back.",
        "remedies": (HALVE, BATCH),
    }
    return Alert.model_validate(values | more)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that a stand-in for the engine was given; they are completed at once."""
    given: list[Run] = []

    def train(run: Run, *, should_stop: Any) -> None:
        given.append(run)
        with own(run) as owner:
            owner.update(state="running")
            owner.update(state="completed")

    launcher = ThreadLauncher(train)
    monkeypatch.setattr(alerts, "launch", launcher.launch)
    assert launching.launch is not launcher.launch
    return given


def test_an_open_alert_shows_what_why_and_remedies(make_run, open_page: OpenPage) -> None:
    run = make_run(RunState.FAILED, reason="Not finite.")
    run.log_event(**_alert().fields())
    app = open_page("monitor", run=run.id)
    assert not app.exception
    shown = texts(app)
    assert r"**The loss jumped to 5\_0.**" in shown
    assert "It lost what it had learned." in shown
    assert "**What to do:** Go back." in shown
    assert {HALVE.label, BATCH.label} <= set(labels(app))
    assert "optimiser.lr=5e-05" in button(app, HALVE.label).help
    assert "stopped first" not in button(app, HALVE.label).help


def test_one_click_makes_a_new_run_and_goes_to_watch_it(
    make_run, open_page: OpenPage, launched: list[Run]
) -> None:
    run = make_run(RunState.FAILED, reason="Not finite.")
    run.log_event(**_alert().fields())
    app = open_page("monitor", run=run.id)
    button(app, HALVE.label).click().run()
    # The remedy may be applied before that drawing ends: then it has told.
    told = [success.value for success in app.success]
    wait_until(lambda: not tasks("remedy").is_working(run.folder), 20)
    app.run()
    told += [success.value for success in app.success]
    following = parameter(app, "run")
    assert following != run.id
    wait_until(lambda: [r.id for r in launched] == [following], 20)
    assert cache.run_store().get(following).spec().optimiser.lr == 5e-5
    assert any("training goes on in" in words for words in told)
    links = [link.proto.label for link in app.get("page_link")]
    assert "Show the earlier run" in links
    (entry,) = alerts_of(run)
    assert (entry.applied, entry.went_on_in) == ("halve-rate", following)
    back = open_page("monitor", run=run.id)
    assert HALVE.label not in labels(back)
    assert "answered by halve-rate" in texts(back)


def test_a_remedy_here_lets_the_same_run_go_on(
    make_run, open_page: OpenPage, launched: list[Run]
) -> None:
    run = make_run(RunState.FAILED, reason="Out of memory.")
    run.log_event(**_alert(rule="out_of_memory").fields())
    app = open_page("monitor", run=run.id)
    button(app, BATCH.label).click().run()
    wait_until(lambda: launched == [run], 20)
    assert run.spec().training.batch_size == 2


def test_a_live_run_says_that_it_is_stopped_first(live_run: Run, open_page: OpenPage) -> None:
    live_run.log_event(**_alert().fields())
    app = open_page("monitor", run=live_run.id)
    assert "This run is stopped first" in button(app, HALVE.label).help


def test_a_remedy_that_fails_says_why(make_run, open_page: OpenPage, launched) -> None:
    run = make_run(RunState.FAILED, reason="Not finite.")
    wrong = HALVE.model_copy(update={"assignments": ("optimiser.lr=-1",)})
    run.log_event(**_alert(remedies=(wrong,)).fields())
    app = open_page("monitor", run=run.id)
    button(app, HALVE.label).click().run()
    wait_until(lambda: not tasks("remedy").is_working(run.folder), 20)
    app.run()
    assert any("optimiser.lr" in error.value for error in app.error)
    assert launched == []


def test_a_completed_run_offers_no_remedy_that_would_go_on_with_it(
    make_run, open_page: OpenPage
) -> None:
    run = make_run(RunState.COMPLETED)
    run.log_event(**_alert().fields())
    offered = labels(open_page("monitor", run=run.id))
    assert HALVE.label in offered
    assert BATCH.label not in offered


def test_what_is_over_is_kept_apart(make_run, open_page: OpenPage) -> None:
    run = make_run(RunState.COMPLETED)
    run.log_event(**_alert().fields())
    run.log_event("info", "over", recovered="loss_spike-8", step=30)
    app = open_page("monitor", run=run.id)
    assert HALVE.label not in labels(app)
    assert [e.label for e in app.expander if "Earlier" in e.label] == ["Earlier alerts (1)"]
    assert "over at step 30" in texts(app)


def test_the_form_has_every_rule_and_threshold_and_saves_them(open_page: OpenPage) -> None:
    named = {name: {field for field, _, _ in rows} for name, rows in health._THRESHOLDS.items()}
    for name, settings in HealthSpec().rules():
        assert named[name] == set(type(settings).model_fields) - {"action"}
    assert set(health._TITLES) == set(named)
    app = open_page("train")
    action = next(s for s in app.selectbox if s.key.endswith("health.loss_spike.action"))
    action.set_value("stop").run()
    factor = next(n for n in app.number_input if n.key.endswith("health.loss_spike.factor"))
    factor.set_value(4.0).run()
    assert not app.exception
    assert '"action": "stop"' in app.code[-1].value or any(
        '"action": "stop"' in code.value for code in app.code
    )
    off = next(s for s in app.selectbox if s.key.endswith("health.disk.action"))
    off.set_value("off").run()
    assert not [n for n in app.number_input if n.key.endswith("health.disk.free_gib")]
