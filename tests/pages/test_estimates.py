"""The Train page's estimate of memory: asked for, and shown against a card."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, labels, texts

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AURORA_DASH_CACHE", str(tmp_path / "cache"))


def _finished(app: AppTest, label: str) -> AppTest:
    for _ in range(200):
        app = app.run()
        if label in labels(app):
            return app
        time.sleep(0.5)
    raise AssertionError(f"no button {label!r} after 100 s: {texts(app)}")


def test_an_estimate_is_asked_for_and_shown_against_a_card(
    open_page: OpenPage, store: RunStore
) -> None:
    drafts = DraftStore(store.root)
    draft_id = drafts.create(demo().replace(data=TINY_DATA)).id
    app = open_page("train", draft=draft_id)
    assert "Make it fit" not in labels(app)
    app = app.selectbox(key="estimate-card").set_value("A GPU of 16 GiB").run()
    app = app.button(key="estimate-estimate").click().run()
    app = _finished(app, "What would save memory")
    assert any("A step needs **2.0 GiB** of 16.0 GiB" in box.value for box in app.success)
    app = app.button(key="estimate-fit").click().run()
    app = _finished(app, "Make it fit")
    assert "It fits as it is." in texts(app)
