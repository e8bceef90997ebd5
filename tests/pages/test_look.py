"""Data: the view that shows maps, series, distribution and coverage."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DataSpec, VariableSpec
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, texts


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def app(open_page: OpenPage, drafts: DraftStore) -> AppTest:
    spec = demo().replace(data=TINY_DATA, variables=(VariableSpec(name="tcwv", mean=20, std=8),))
    return open_page("data", draft=drafts.create(spec).id, view="Look")


def test_every_variable_can_be_looked_at(app: AppTest) -> None:
    assert not app.exception
    for key in app.selectbox(key="look-variable").options:
        app = app.selectbox(key="look-variable").set_value(key).run()
        assert not app.exception, key
        assert "Of this one field" in texts(app)


def test_a_surface_variable_is_compared_with_auroras_own_statistics(app: AppTest) -> None:
    app = app.selectbox(key="look-variable").set_value("surf_2t").run()
    assert "normalised with Aurora's own: mean 278" in texts(app)
    assert "A time every 6 h is expected" in texts(app)
    assert "all are there" in texts(app)


def test_a_registered_variable_is_compared_with_its_own(app: AppTest) -> None:
    app = app.selectbox(key="look-variable").set_value("surf_tcwv").run()
    assert "those that were registered: mean 20, standard deviation 8" in texts(app)


def test_level_time_and_place_can_be_chosen(app: AppTest) -> None:
    app = app.selectbox(key="look-variable").set_value("atmos_z").run()
    app = app.selectbox(key="look-level").set_value(500.0).run()
    app = app.select_slider(key="look-time").set_value(5).run()
    app = app.number_input(key="look-longitude").set_value(-10.0).run()
    assert not app.exception


def test_data_that_can_not_be_opened_has_nothing_to_look_at(
    open_page: OpenPage, drafts: DraftStore, tmp_path: Path
) -> None:
    spec = demo().replace(data=DataSpec(source="files", paths=(str(tmp_path / "none.nc"),)))
    app = open_page("data", draft=drafts.create(spec).id, view="Look")
    assert not app.exception
    assert "Nothing to look at yet" in "\n".join([texts(app), *(m.value for m in app.markdown)])


def test_an_address_that_names_no_view_shows_the_first(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    app = open_page("data", draft=drafts.create(demo().replace(data=TINY_DATA)).id, view="Nowhere")
    assert not app.exception
    assert not app.error
