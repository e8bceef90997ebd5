"""Every field of the forms of Evaluate & maps reaches what is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aurora_dash.evaluation.request import EvaluationRequest, Reference, RolloutRequest
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import Region, RunSpec
from aurora_dash.ui.judging import ask, forecasts
from tests.pages.helpers import TINY_DATA, OpenPage


def _with_checkpoint(store: RunStore, name: str, variant: str = "small") -> Run:
    """A run whose list of checkpoints has one; nothing here opens it."""
    spec = RunSpec.build(
        {"name": name, "model": {"variant": variant, "source": "random"}, "data": TINY_DATA}
    )
    run = store.create(spec)
    folder = run.checkpoints_folder / "step-00000002"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text("{}")
    return run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been started."""
    found: list[Any] = []

    def start(run: Run, request: Any, **options: Any) -> str:
        found.append((request, options.get("file_format")))
        return "20260101-000000-abcd"

    monkeypatch.setattr(ask, "start_evaluation", start)
    monkeypatch.setattr(forecasts, "start_rollout", start)
    return found


def test_every_field_of_an_evaluation_reaches_the_request(
    open_page: OpenPage, store: RunStore, asked: list[Any], tmp_path: Path
) -> None:
    run = _with_checkpoint(store, "judged", "v1.5-ensemble")
    other = _with_checkpoint(store, "other")
    for name in ("other.nc", "normal.nc"):
        (tmp_path / name).touch()
    app = open_page("evaluate", run=run.id)
    app.selectbox(key="ask-checkpoint").set_value("step-00000002")
    app.selectbox(key="ask-data").set_value("the demo")
    app.number_input(key="ask-leads").set_value(3)
    app.multiselect(key="ask-regions").set_value(["tropics", "europe"])
    app.toggle(key="ask-initial").set_value(False)
    app.multiselect(key="ask-measures").set_value(["rmse", "acc", "spread"])
    app.text_input(key="ask-thresholds").set_value("2t=273.15,280 10u=10")
    app.multiselect(key="ask-by").set_value(["surface", "season"])
    app.text_input(key="ask-box").set_value("72, 4, 57, 32")
    app.number_input(key="ask-members").set_value(5)
    app.multiselect(key="ask-baselines").set_value(["climatology"])
    app.multiselect(key="ask-against").set_value([other.id])
    app.text_input(key="ask-forecast").set_value(str(tmp_path / "other.nc"))
    app.text_input(key="ask-climatology").set_value(str(tmp_path / "normal.nc"))
    app.toggle(key="ask-confidence").set_value(True)
    app = app.run().button(key="ask").click().run()
    assert not app.exception
    [(request, _)] = asked
    assert request == EvaluationRequest(
        run=run.id,
        checkpoint="step-00000002",
        data=request.data,
        split="all",
        leads=3,
        regions=("tropics", "europe"),
        initial=False,
        measures=("rmse", "acc", "spread", "csi", "ets", "frequency_bias", "fss"),
        thresholds={"2t": (273.15, 280.0), "10u": (10.0,)},
        by=("surface", "season"),
        boxes=(Region(north=72, west=4, south=57, east=32),),
        members=5,
        baselines=("climatology",),
        against=(
            Reference(name=other.id, run=other.id),
            Reference(name="other", forecast=str(tmp_path / "other.nc")),
        ),
        climatology=str(tmp_path / "normal.nc"),
        confidence=0.95,
    )
    assert request.data is not None
    assert request.data.source == "demo"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("ask-thresholds", "2t=warm", "is not thresholds"),
        ("ask-box", "72, 4, 57", "is no box"),
        ("ask-climatology", "/etc/passwd", "outside the folders"),
        ("ask-forecast", "/etc/passwd", "outside the folders"),
    ],
)
def test_what_can_not_be_meant_is_said_and_nothing_is_started(
    open_page: OpenPage, store: RunStore, asked: list[Any], key: str, text: str, said: str
) -> None:
    app = open_page("evaluate", run=_with_checkpoint(store, "judged").id)
    app.text_input(key=key).set_value(text)
    app = app.run()
    if not app.button(key="ask").disabled:
        app = app.button(key="ask").click().run()
    assert not app.exception
    assert said in app.error[0].value
    assert asked == []


def test_every_field_of_a_forecast_reaches_the_request(
    open_page: OpenPage, store: RunStore, asked: list[Any]
) -> None:
    run = _with_checkpoint(store, "rolled")
    app = open_page("evaluate", run=run.id)
    app.selectbox(key="roll-checkpoint").set_value("last")
    app.selectbox(key="roll-format").set_value("nc")
    app.number_input(key="roll-leads").set_value(60)
    app.number_input(key="roll-starts").set_value(3)
    app = app.run()
    app.number_input(key="roll-every").set_value(12)
    app.multiselect(key="roll-variables").set_value(["2t", "z"])
    app = app.run().button(key="roll").click().run()
    assert not app.exception
    assert asked == [
        (
            RolloutRequest.build(
                {
                    "run": run.id,
                    "checkpoint": "last",
                    "leads": 60,
                    "max_starts": 3,
                    "every_hours": 12,
                    "variables": ("2t", "z"),
                }
            ),
            "nc",
        )
    ]
    app.text_input(key="roll-start").set_value("2025-06-02T12:00")
    app = app.run().button(key="roll").click().run()
    request, _ = asked[1]
    assert request.start == datetime(2025, 6, 2, 12, tzinfo=UTC)
    assert request.max_starts is request.every_hours is None
    app.text_input(key="roll-start").set_value("some day")
    app = app.run().button(key="roll").click().run()
    assert "some day" in app.error[0].value
    assert len(asked) == 2


def test_a_box_that_came_from_a_map_is_seen_at_once(open_page: OpenPage, store: RunStore) -> None:
    run = _with_checkpoint(store, "with a box")
    app = open_page("evaluate", run=run.id)

    def is_open() -> bool:
        [scores] = [e for e in app.expander if e.label == "Scores and comparisons"]
        return bool(scores.proto.expanded)

    assert not is_open()
    # A map's box reaches the form through the session: nobody can draw in a test without a browser.
    app.session_state["ask-box"], app.session_state["ask-opened"] = "72, 4, 57, 32", True
    app.run()
    assert is_open()
    assert app.text_input(key="ask-box").value == "72, 4, 57, 32"
    # Emptied again, it doesn't shut under the hands.
    app.text_input(key="ask-box").set_value("").run()
    assert is_open()
