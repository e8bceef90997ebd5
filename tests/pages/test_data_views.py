from __future__ import annotations

from collections.abc import Mapping

import pytest
import streamlit as st

from aurora_dash.presets import get_preset
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.ui import data_view, data_views
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, texts


def _other(spec: RunSpec) -> None:
    st.markdown(f"Another view of {spec.data.source}")


TWO: Mapping[str, object] = {"Check": data_view.recognised, "Other": _other}


def test_the_view_chosen_stays_over_reruns_and_a_refresh(
    open_page: OpenPage, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_views, "VIEWS", TWO)
    draft = DraftStore(store.root).create(get_preset("demo").replace(data=TINY_DATA)).id
    app = open_page("data", draft=draft)
    assert "Another view of demo" not in texts(app)
    app = app.segmented_control(key="view").set_value("Other").run()
    assert "Another view of demo" in texts(app)
    # The check still decides whether the way on is open.
    assert [s.value for s in app.success] == []
    assert "Another view of demo" in texts(app.run())
    # A refresh has the URL alone.
    assert "Another view of demo" in texts(open_page("data", draft=draft, view="Other"))


def test_a_view_that_no_longer_exists_is_the_check(
    open_page: OpenPage, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_views, "VIEWS", TWO)
    draft = DraftStore(store.root).create(get_preset("demo").replace(data=TINY_DATA)).id
    app = open_page("data", draft=draft, view="Gone")
    assert "A run can be launched on this data." in [s.value for s in app.success]
