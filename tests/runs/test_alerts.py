"""Alerts among events: what is open, what is over, what was applied."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.errors import RunError
from aurora_dash.runs.alerts import Alert, Remedy, noticed
from aurora_dash.runs.store import Run

CLIP = Remedy(key="clip", label="Clip", explanation="Clips.", assignments=("a=1",))
HALVE = Remedy(key="halve-rate", label="Halve", explanation="Halves.", assignments=("b=2",))


def _alert(step: int, **more: object) -> Alert:
    values = {"rule": "loss_spike", "message": "Up.", "remedies": (CLIP, HALVE), "step": step}
    return Alert.model_validate(values | more)


def test_alerts_are_read_back_from_the_events_as_they_were(run: Run) -> None:
    first, second = _alert(10), _alert(20, subject="tcwv", severity="error")
    run.log_event("info", "something else")
    run.log_event(**first.fields())
    run.log_event(**second.fields())
    one, other = noticed(run.events())
    assert (one.alert, other.alert) == (first, second)
    assert one.is_open and other.is_open
    assert (first.id, second.id) == ("loss_spike-10", "loss_spike-20-tcwv")
    assert run.events()[2]["level"] == "error"
    assert run.events()[1]["alert"]["id"] == "loss_spike-10"


def test_an_end_and_an_applied_remedy_close_an_alert(run: Run) -> None:
    for step in (10, 20, 30):
        run.log_event(**_alert(step).fields())
    run.log_event("info", "over", recovered="loss_spike-10", step=42)
    run.log_event(
        "info", "clip", applied="loss_spike-20", remedy_key="clip", went_on_in="another-run"
    )
    over, applied, still = noticed(run.events())
    assert (over.recovered_step, over.is_open) == (42, False)
    assert (applied.applied, applied.went_on_in, applied.is_open) == ("clip", "another-run", False)
    assert still.is_open


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
@settings(max_examples=30, deadline=None)
def test_events_of_any_content_do_no_harm(value: object) -> None:
    events = [{"alert": value, "recovered": value, "applied": value}, _alert(1).fields()]
    assert [entry.alert.step for entry in noticed(events)] == [1]


def test_the_best_remedy_is_the_first_and_others_go_by_their_key() -> None:
    alert = _alert(10)
    assert alert.remedy() is alert.remedies[0]
    assert alert.remedy("halve-rate").assignments == ("b=2",)
    with pytest.raises(RunError, match="no remedy drink-tea") as refusal:
        alert.remedy("drink-tea")
    assert "clip, halve-rate" in refusal.value.remedy
    with pytest.raises(RunError, match="no remedy that can be applied"):
        _alert(10, remedies=()).remedy()
