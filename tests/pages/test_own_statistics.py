"""Variables: Aurora's own statistics, changed only knowingly."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.data.demo import demo_dataset
from aurora_dash.data.own_statistics import own_statistics
from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.variables import Group
from tests.pages.helpers import TINY_DATA, OpenPage, parameter, texts


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def app(open_page: OpenPage, drafts: DraftStore) -> AppTest:
    return open_page("variables", draft=drafts.create(demo().replace(data=TINY_DATA)).id)


def choose(app: AppTest, name: str, group: Group) -> AppTest:
    return app.selectbox(key="field:own:choice").set_value((name, group)).run()


def test_auroras_own_are_shown_and_kept_unless_changed(app: AppTest, drafts: DraftStore) -> None:
    app = choose(app, "2t", Group.SURFACE)
    own = own_statistics("2t")
    assert own is not None
    assert f"Aurora's own: mean {own[0]:.4g}" in texts(app)
    assert drafts.get(parameter(app, "draft")).spec.model.statistics == {}


def test_those_of_the_data_are_computed_used_and_taken_back(
    app: AppTest, drafts: DraftStore
) -> None:
    app = choose(app, "z", Group.ATMOSPHERIC)
    app = app.selectbox(key="field:own:level").set_value(500).run()
    app = app.button(key="own-compute").click().run()
    dataset = demo_dataset(TINY_DATA.demo, demo().model.catalogue_entry)
    mean = float(app.text_input(key="field:own:mean").value)
    values = dataset["atmos_z"].sel(level=500)
    assert float(values.min()) < mean < float(values.max())

    app = app.button(key="own-change").click().run()
    assert not app.exception
    changed = drafts.get(parameter(app, "draft")).spec.model.statistics
    assert list(changed) == ["z_500"]
    assert changed["z_500"][0] == pytest.approx(mean)

    app = app.button(key="own-statistics-z_500").click().run()
    assert drafts.get(parameter(app, "draft")).spec.model.statistics == {}


def test_half_a_pair_and_a_spread_of_zero_are_refused_at_the_form(
    app: AppTest, drafts: DraftStore
) -> None:
    app = choose(app, "2t", Group.SURFACE)
    app.text_input(key="field:own:mean").set_value("280")
    app = app.button(key="own-change").click().run()
    assert "both mean and standard deviation" in texts(app)
    app.text_input(key="field:own:std").set_value("0")
    app = app.button(key="own-change").click().run()
    assert "greater than 0" in texts(app)
    assert drafts.get(parameter(app, "draft")).spec.model.statistics == {}
