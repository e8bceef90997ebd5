"""The Data page: what is a sample, what validates, crops and mixes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DataSpec, Region
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, button, parameter, texts

PREFIX = "field:data."


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def page(open_page: OpenPage, drafts: DraftStore) -> AppTest:
    return open_page("data", draft=drafts.create(demo().replace(data=TINY_DATA)).id)


def data_of(app: AppTest, drafts: DraftStore) -> DataSpec:
    assert not app.exception
    return drafts.get(parameter(app, "draft")).spec.data


def test_counts_say_what_the_form_does(page: AppTest, drafts: DraftStore) -> None:
    # Twelve times give ten samples: two validate, two share times with them.
    assert "**6** samples to train on, **2** to validate with, 2 between them" in texts(page)
    page.number_input(key=f"{PREFIX}stride").set_value(2).run()
    page.number_input(key=f"{PREFIX}gap_hours").set_value(12).run()
    assert (data_of(page, drafts).stride, data_of(page, drafts).gap_hours) == (2, 12)
    assert "**3** samples to train on, **1** to validate with" in texts(page)


def test_a_period_validates_instead_of_the_last_part(page: AppTest, drafts: DraftStore) -> None:
    page.radio(key=f"{PREFIX}validation").set_value("A period").run()
    assert "Until you name a day, the last 20% of the samples validate." in texts(page)
    start = datetime(2020, 3, 2, 12)
    page.datetime_input(key=f"{PREFIX}validation_start").set_value(start).run()
    assert data_of(page, drafts).validation_start == start.replace(tzinfo=UTC)
    # Times 6 to 11 validate, 0 to 5 are trained on.
    assert "**4** samples to train on, **4** to validate with" in texts(page)
    page.radio(key=f"{PREFIX}validation").set_value("The last part").run()
    assert not data_of(page, drafts).has_validation_period


def test_crops_are_chosen_in_points_and_refused_if_they_do_not_fill_patches(
    page: AppTest, drafts: DraftStore
) -> None:
    page.toggle(key=f"{PREFIX}crop.wanted").set_value(True).run()
    assert data_of(page, drafts).crop == (32, 32)
    assert "larger than the grid" in texts(page)
    page.number_input(key=f"{PREFIX}crop.Height").set_value(12).run()
    page.number_input(key=f"{PREFIX}crop.Width").set_value(10).run()
    assert data_of(page, drafts).crop == (12, 32)
    assert "12 x 10 is no multiple of the 4 x 4 points" in texts(page)
    page.number_input(key=f"{PREFIX}crop.Width").set_value(16).run()
    page.selectbox(key=f"{PREFIX}validation_crop").set_value("centre").run()
    assert data_of(page, drafts).crop == (12, 16)
    assert data_of(page, drafts).validation_crop == "centre"
    page.toggle(key=f"{PREFIX}crop.wanted").set_value(False).run()
    assert data_of(page, drafts).crop is None


@pytest.mark.slow
def test_a_mix_is_built_weighed_and_taken_apart(page: AppTest, drafts: DraftStore) -> None:
    button(page, "Add another demo").click().run()
    first, second = data_of(page, drafts).mix
    assert (first.name, first.demo) == ("first", None)
    assert second.demo is not None
    assert second.demo.seed == 1
    page.number_input(key=f"{PREFIX}mix.1.weight").set_value(3.0).run()
    assert "Weight (75% of the samples)" in [field.label for field in page.number_input]
    page.text_input(key=f"{PREFIX}mix.1.name").set_value("seed one").run()
    assert "name = 'seed one'" in texts(page)
    page.text_input(key=f"{PREFIX}mix.1.name").set_value("seed-1").run()
    assert "`seed-1`: **6** samples" in texts(page)
    assert "In the first part of the mix, `first`." in texts(page)

    button(page, "Add a region").click().run()
    third = data_of(page, drafts).mix[2]
    assert third.region == Region(north=75, south=35, west=0, east=40)
    page.number_input(key=f"{PREFIX}mix.2.north").set_value(80.0).run()
    assert data_of(page, drafts).mix[2].region == Region(north=80, south=35, west=0, east=40)
    # What stands in the way is told with the part's name.
    assert "part-2" in texts(page).replace("\\", "")

    page.button(key="mix-remove-2").click().run()
    page.button(key="mix-remove-0").click().run()
    assert data_of(page, drafts).mix == ()
    assert "`seed-1`" not in texts(page)


def test_files_of_a_part_are_separated_by_semicolons(page: AppTest, drafts: DraftStore) -> None:
    button(page, "Add a period or data set").click().run()
    page.text_input(key=f"{PREFIX}mix.1.paths").set_value("/data/a.nc; /data/b/*.nc").run()
    assert data_of(page, drafts).mix[1].paths == ("/data/a.nc", "/data/b/*.nc")
    end = datetime(2020, 3, 2)
    page.datetime_input(key=f"{PREFIX}mix.0.end").set_value(end).run()
    assert data_of(page, drafts).mix[0].end == end.replace(tzinfo=UTC)
    # What can't be opened is said by Check, and the page stands.
    assert "part-2" in texts(page).replace("\\", "")
