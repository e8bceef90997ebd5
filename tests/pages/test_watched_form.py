"""What is watched, as a person chooses it on the Train page."""

from __future__ import annotations

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, texts


def test_sample_and_variables_are_chosen_or_none_is_watched(
    open_page: OpenPage, store: RunStore
) -> None:
    drafts = DraftStore(store.root)
    draft = drafts.create(demo().replace(data=TINY_DATA))
    app = open_page("train", draft=draft.id)
    app.number_input(key="field:training.watched.sample").set_value(2)
    app.number_input(key="field:training.watched.keep").set_value(5)
    app.text_input(key="field:training.watched.variables").set_value("2t, t/850 ,q")
    app = app.run()
    assert not app.exception
    watched = drafts.get(draft.id).spec.training.watched
    assert (watched.sample, watched.keep) == (2, 5)
    assert watched.variables == ("2t", "t/850", "q")
    app = app.text_input(key="field:training.watched.variables").set_value("t/high").run()
    assert "whose level is no number" in texts(app)
    assert drafts.get(draft.id).spec.training.watched == watched
    app = app.toggle(key="field:training.watched.enabled").set_value(False).run()
    assert not drafts.get(draft.id).spec.training.watched.enabled
    assert not [w for w in app.number_input if "watched" in (w.key or "")]
