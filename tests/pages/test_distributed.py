"""Several processes on the Train page."""

from __future__ import annotations

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import DistributedSpec
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, parameter, texts


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


def test_processes_and_their_strategy_are_chosen_and_told(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    spec = demo().replace(data=TINY_DATA).with_overrides(["training.batch_size=2"])
    app = open_page("train", draft=drafts.create(spec).id)
    assert not [w for w in app.selectbox if w.key == "field:distributed.strategy"]
    app = app.number_input(key="field:distributed.processes").set_value(3).run()
    assert "can't share" in texts(app)
    app = app.number_input(key="field:distributed.processes").set_value(2).run()
    assert "every process takes 1 of the 2 samples of a batch" in texts(app)
    app = app.selectbox(key="field:distributed.strategy").set_value("fsdp").run()
    app = app.toggle(key="field:distributed.reshard_after_forward").set_value(False).run()
    assert not app.exception
    expected = DistributedSpec(processes=2, strategy="fsdp", reshard_after_forward=False)
    assert drafts.get(parameter(app, "draft")).spec.distributed == expected
