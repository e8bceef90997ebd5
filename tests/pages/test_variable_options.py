"""Variables: role, transform, beginning, learning rate and histogram of a new variable."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import VariableSpec
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, parameter, texts


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def app(open_page: OpenPage, drafts: DraftStore) -> AppTest:
    """The page with tcwv chosen."""
    page = open_page("variables", draft=drafts.create(demo().replace(data=TINY_DATA)).id)
    choice = page.selectbox(key="field:new:choice")
    return choice.set_value(next(o for o in choice.options if o.startswith("tcwv "))).run()


def registered(app: AppTest, drafts: DraftStore) -> VariableSpec:
    app = app.button(key="register").click().run()
    assert not app.exception
    [variable] = drafts.get(parameter(app, "draft")).spec.variables
    return variable


def histograms(app: AppTest) -> bool:
    return "closer to the dashed curve" in texts(app)


def test_everything_is_as_usual_unless_chosen(app: AppTest, drafts: DraftStore) -> None:
    usual = VariableSpec(name="tcwv")
    found = registered(app, drafts)
    for field in ("role", "transform", "transform_offset", "initialise", "copy_from", "lr"):
        assert getattr(found, field) == getattr(usual, field)


def test_what_is_chosen_is_registered_and_shown(app: AppTest, drafts: DraftStore) -> None:
    app.selectbox(key="field:new:role").set_value("output")
    app.text_input(key="field:new:lr").set_value("2e-3")
    app.selectbox(key="field:new:initialise").set_value("copy")
    app = app.selectbox(key="field:new:transform").set_value("log").run()
    app.text_input(key="field:new:transform_offset").set_value("0.5")
    app = app.selectbox(key="field:new:copy_from").set_value("msl").run()
    found = registered(app, drafts)
    assert (found.role, found.lr) == ("output", 2e-3)
    assert (found.transform, found.transform_offset) == ("log", 0.5)
    assert (found.initialise, found.copy_from) == ("copy", "msl")
    words = texts(app.run()).replace("\\", "")
    assert "output only, log(1 + x / 0.5), begins as a copy of msl, learning rate 0.002" in words


def test_a_logarithm_without_an_offset_is_explained(app: AppTest, drafts: DraftStore) -> None:
    app = app.selectbox(key="field:new:transform").set_value("log").run()
    app = app.button(key="register").click().run()
    assert "needs transform_offset" in texts(app).replace("\\", "")


def test_statistics_and_histogram_are_those_of_the_transformed_values(app: AppTest) -> None:
    assert not histograms(app)
    app = app.button(key="compute").click().run()
    assert histograms(app)
    mean = float(app.text_input(key="field:new:mean").value)
    app = app.selectbox(key="field:new:transform").set_value("sqrt").run()
    # Those of other values are gone.
    assert app.text_input(key="field:new:mean").value == ""
    assert not histograms(app)
    app = app.button(key="compute").click().run()
    # The mean of roots is below the root of the mean, but not far.
    assert 0.8 * mean**0.5 < float(app.text_input(key="field:new:mean").value) <= mean**0.5
    assert histograms(app)


def test_another_group_offers_its_own_variables_to_copy(app: AppTest) -> None:
    app = app.selectbox(key="field:new:initialise").set_value("copy").run()
    assert "msl" in app.selectbox(key="field:new:copy_from").options
    app = app.segmented_control(key="field:new:group").set_value("atmospheric").run()
    assert not app.exception
    assert app.selectbox(key="field:new:copy_from").options == list("zuvtq")
    app = app.segmented_control(key="field:new:group").set_value("static").run()
    assert not app.exception
    # A static variable is only given: there is no role to choose.
    assert "field:new:role" not in [box.key for box in app.selectbox]
