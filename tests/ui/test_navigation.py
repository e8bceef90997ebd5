"""The guided path: its steps, and which of them count as done."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.ui.navigation import DOCTOR, ROOT, START, STEPS, Progress, progress


def test_every_step_has_a_page() -> None:
    for step in (START, *STEPS, DOCTOR):
        assert (ROOT / step.file).is_file()


def test_progress_marks_here_done_and_open() -> None:
    marks = progress("data", frozenset({"model", "data"}))
    assert marks["model"] is Progress.DONE
    assert marks["data"] is Progress.HERE
    assert marks["train"] is Progress.OPEN


@pytest.mark.parametrize("step", [START, *STEPS, DOCTOR], ids=lambda step: step.key)
def test_every_page_opens_empty_and_shows_the_path(
    step: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURORA_DASH_WARM_UP", "0")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app = app.switch_page(step.file).run()  # type: ignore[attr-defined]
    assert not app.exception
    assert not app.error
    links = [link.proto.label for link in app.get("page_link")]
    assert links[: len(STEPS) + 1] == [START.title, *(s.title for s in STEPS)]
