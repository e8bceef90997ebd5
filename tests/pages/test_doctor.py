"""The Doctor page, with a stand-in for the process that tries torch."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_dash.doctor import examination
from aurora_dash.runs.store import default_root
from aurora_dash.ui.tasks import tasks
from tests.pages.helpers import OpenPage, button, labels, texts, title, wait_until

HEALTHY: dict[str, Any] = {
    "torch": {"version": "2.9", "cuda": None, "gpu_available": False, "architectures": []},
    "gpu": {},
    "aurora": {},
    "eccodes": {},
}


def _examine(open_page: OpenPage) -> Any:
    app = open_page("doctor")
    assert not app.exception
    app.toggle(key="doctor-network").set_value(False).run()
    button(app, "Examine").click().run()
    wait_until(lambda: not tasks("examination").is_working(default_root()), 30)
    return app.run()


def test_a_healthy_machine_is_told_with_what_was_looked_at(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "run_probe", lambda: HEALTHY)
    app = open_page("doctor")
    assert title(app) == "Doctor"
    assert "Not examined yet" in texts(app)
    app = _examine(open_page)
    assert not app.exception
    assert [s.value for s in app.success] == ["Nothing keeps runs from working here."]
    shown = texts(app)
    assert "torch 2.9 works" in shown
    assert "The time zone is" in shown
    assert "Examine" in labels(app)


def test_what_is_broken_stands_first_with_what_to_do(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "run_probe", lambda: {"crash": "ended with code -11: x"})
    app = _examine(open_page)
    assert not app.success
    assert "ended with code -11" in app.error[0].value
    assert "Reinstall torch" in app.error[0].value


def test_the_first_page_leads_to_the_doctor(open_page: OpenPage) -> None:
    links = [link.proto.label for link in open_page("start").get("page_link")]
    assert "Examine this machine" in links
