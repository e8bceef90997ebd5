"""Recipes, the optimiser's options and the loss on the Train page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.presets import demo, get_preset
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import LossSpec, RunSpec, VariableSpec
from aurora_dash.ui import lr_test
from aurora_dash.ui.drafts import DraftStore
from tests.pages.helpers import TINY_DATA, OpenPage, button, labels, texts


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


@pytest.fixture
def draft_id(drafts: DraftStore) -> str:
    return drafts.create(demo().replace(data=TINY_DATA)).id


def test_a_recipe_shows_what_it_changes_before_it_does(
    open_page: OpenPage, drafts: DraftStore, draft_id: str
) -> None:
    app = open_page("train", draft=draft_id)
    app = app.selectbox(key="recipe").set_value("hres-0.25").run()
    assert not app.exception
    rows = {
        row["Field"]: (row["Now"], row["Recipe"]) for row in app.table[0].value.to_dict("records")
    }
    assert rows["`optimiser.lr`"] == ("0.001", "5e-05")
    assert rows["`training.accumulate`"] == ("1", "8")
    assert not [field for field in rows if "data." in field]
    before = drafts.get(draft_id).spec
    assert before.optimiser.lr == 1e-3
    app = app.button(key="apply-recipe").click().run()
    assert not app.exception
    after = drafts.get(draft_id).spec
    assert (after.optimiser, after.rollout) == (
        get_preset("hres-0.25").optimiser,
        get_preset("hres-0.25").rollout,
    )
    assert (after.data, after.model.variant) == (before.data, before.model.variant)
    assert "Each step learns from 8 samples: 8 batches of 1." in texts(app)


@pytest.mark.slow
def test_the_optimisers_and_the_losss_options_change_the_draft(
    open_page: OpenPage, drafts: DraftStore, draft_id: str
) -> None:
    app = open_page("train", draft=draft_id)
    app.selectbox(key="field:optimiser.kind").set_value("adafactor")
    app.selectbox(key="field:optimiser.clip_by").set_value("adaptive")
    app.selectbox(key="field:loss.kind").set_value("huber")
    app.selectbox(key="field:loss.mask").set_value("land")
    app.toggle(key="field:loss.area_weighted").set_value(True)
    app.text_input(key="field:optimiser.ema_decay").set_value("0.99")
    app.text_input(key="field:optimiser.lr_groups").set_value("decoder=1e-5, encoder = 2e-5")
    app.text_input(key="field:loss.level_weights").set_value("850=2, z/500=3")
    app.number_input(key="field:training.accumulate").set_value(4)
    app.number_input(key="field:training.patience").set_value(3)
    app = app.run()
    assert not app.exception
    spec = drafts.get(draft_id).spec
    assert (spec.optimiser.kind, spec.optimiser.clip_by) == ("adafactor", "adaptive")
    assert (spec.loss.kind, spec.loss.mask, spec.loss.area_weighted) == ("huber", "land", True)
    assert spec.optimiser.ema_decay == 0.99
    assert spec.optimiser.lr_groups == {"decoder": 1e-5, "encoder": 2e-5}
    assert spec.loss.level_weights == {"850": 2.0, "z/500": 3.0}
    assert (spec.training.accumulate, spec.training.patience) == (4, 3)
    assert app.text_input(key="field:optimiser.clip_factor").value == "0.01"

    app = app.number_input(key="field:training.accumulate").set_value(1).run()
    app = app.toggle(key="field:optimiser.offload").set_value(True).run()
    app = app.toggle(key="field:optimiser.in_backward").set_value(True).run()
    spec = drafts.get(draft_id).spec
    assert (spec.optimiser.offload, spec.optimiser.in_backward) == (True, True)


@pytest.mark.parametrize("typed", ["decoder", "=3", "decoder=fast", "head=1"])
def test_what_can_not_be_read_stays_in_the_form_with_the_reason(
    open_page: OpenPage, drafts: DraftStore, draft_id: str, typed: str
) -> None:
    app = open_page("train", draft=draft_id)
    app = app.text_input(key="field:optimiser.lr_groups").set_value(typed).run()
    assert not app.exception
    assert drafts.get(draft_id).spec.optimiser.lr_groups == {}
    assert "Launch" not in labels(app)


def test_a_loss_of_ones_own_is_chosen_by_its_file(
    open_page: OpenPage,
    drafts: DraftStore,
    draft_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AURORA_DASH_ROOTS", str(tmp_path))
    (tmp_path / "my_loss.py").write_text("")
    app = open_page("train", draft=draft_id)
    app = app.selectbox(key="field:loss.kind").set_value("custom").run()
    assert drafts.get(draft_id).spec.loss.kind == "mae"
    assert "AURORA_DASH_USER_CODE=1" in app.text_input(key="field:loss.code").help
    app = app.text_input(key="field:loss.code").set_value("/etc/my_loss.py").run()
    assert any("outside the folders" in box.value for box in app.error)
    assert drafts.get(draft_id).spec.loss.code is None
    path = str(tmp_path / "my_loss.py")
    app = app.text_input(key="field:loss.code").set_value(path).run()
    assert not app.exception
    assert drafts.get(draft_id).spec.loss == LossSpec(kind="custom", code=path)
    app.selectbox(key="field:loss.kind").set_value("mse").run()
    assert drafts.get(draft_id).spec.loss == LossSpec(kind="mse")


def test_a_mask_file_outside_the_folders_is_refused(
    open_page: OpenPage, drafts: DraftStore, draft_id: str
) -> None:
    app = open_page("train", draft=draft_id)
    app = app.selectbox(key="field:loss.mask").set_value("file").run()
    app = app.text_input(key="field:loss.mask_file").set_value("/etc/mask.nc").run()
    assert any("outside the folders" in box.value for box in app.error)
    assert drafts.get(draft_id).spec.loss.mask == "none"


def test_weights_of_new_variables_are_suggested_from_the_data(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    spec = demo().replace(data=TINY_DATA, variables=(VariableSpec(name="tcwv", unit="kg m-2"),))
    draft = drafts.create(spec)
    app = button(open_page("train", draft=draft.id), "Suggest for new variables").click().run()
    assert not app.exception
    weight = drafts.get(draft.id).spec.loss.weights["tcwv"]
    assert weight > 0
    assert any(f"tcwv: {weight:g} (persistence is off by" in box.value for box in app.success)


def _finish(spec: RunSpec, result: object) -> None:
    """What a test's process leaves behind."""
    folder = lr_test.folder_of(spec)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result))


def _open(open_page: OpenPage, draft_id: str) -> AppTest:
    app = open_page("train", draft=draft_id)
    assert not app.exception
    return app


def test_a_range_tests_rate_is_taken_over(
    open_page: OpenPage, drafts: DraftStore, draft_id: str
) -> None:
    spec = drafts.get(draft_id).spec
    found = {"rates": [1e-4, 1e-3], "losses": [2.0, 1.0], "smoothed": [2.0, 1.5]}
    _finish(spec, {**found, "suggestion": 1.234e-4, "reason": "All rates were tried."})
    app = button(_open(open_page, draft_id), "Use 0.00012").click().run()
    assert drafts.get(draft_id).spec.optimiser.lr == 1.2e-4
    # The test does not depend on the rate: it still stands.
    assert "All rates were tried." in texts(app)


def test_a_range_test_that_failed_says_why(
    open_page: OpenPage, drafts: DraftStore, draft_id: str
) -> None:
    _finish(drafts.get(draft_id).spec, {"error": "No sample is left.", "remedy": "Add times."})
    app = _open(open_page, draft_id)
    assert any("No sample is left." in box.value for box in app.error)


@pytest.mark.slow
def test_the_button_runs_a_real_test_in_a_process_of_its_own(
    open_page: OpenPage, drafts: DraftStore, draft_id: str
) -> None:
    app = app_ = _open(open_page, draft_id)
    app = app_.button(key="lr-test").click().run()
    folder = lr_test.folder_of(drafts.get(draft_id).spec)
    process = lr_test.tests()._processes[folder]
    assert isinstance(process, subprocess.Popen)
    assert "Stop" in labels(app)
    process.wait(timeout=300)
    found = json.loads((folder / "result.json").read_bytes())
    assert len(found["rates"]) == len(found["losses"]) > 5
    app = _open(open_page, draft_id)
    assert found["reason"].split(":")[0] in texts(app)
