"""Forecasts of several steps on the Train page."""

from __future__ import annotations

import pytest

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RolloutSpec, RunSpec
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.ui.forms.rollout import stages_of
from tests.pages.helpers import TINY_DATA, OpenPage, parameter, texts

_SOME_VARIANTS = ("small", "0.25-wave", "v1.5", "v1.5-ensemble")


@pytest.fixture
def drafts(store: RunStore) -> DraftStore:
    return DraftStore(store.root)


def _spec_of(app: object, drafts: DraftStore) -> RunSpec:
    return drafts.get(parameter(app, "draft")).spec  # type: ignore[arg-type]


def test_a_replay_training_is_chosen_with_a_curriculum(
    open_page: OpenPage, drafts: DraftStore
) -> None:
    draft = drafts.create(demo().replace(data=TINY_DATA))
    app = open_page("train", draft=draft.id)
    assert not [w for w in app.number_input if "rollout" in (w.key or "")]
    app = app.radio(key="field:rollout.kind").set_value("replay").run()
    assert _spec_of(app, drafts).rollout == RolloutSpec(kind="replay", steps=8)
    assert "With the chosen data a full buffer takes" in texts(app)
    # 4 surface variables and 5 on 2 levels, 2 times, 16 x 16 points, 4 bytes; a batch has 2.
    app = app.number_input(key="field:rollout.buffer_size").set_value(10**6).run()
    assert f"takes {14 * 2 * 256 * 4 * 2 * 10**6 / 2**30:.3g} GiB. Make it smaller" in texts(app)
    app.number_input(key="field:rollout.buffer_size").set_value(20)
    app.text_input(key="field:rollout.curriculum").set_value("10: 2; 20: 4")
    app = app.run()
    assert not app.exception
    expected = RolloutSpec(kind="replay", steps=8, buffer_size=20, curriculum=((10, 2), (20, 4)))
    assert _spec_of(app, drafts).rollout == expected
    app = app.text_input(key="field:rollout.curriculum").set_value("ten steps").run()
    assert "'ten steps' is no stage; write until: steps" in texts(app)
    app = app.text_input(key="field:rollout.curriculum").set_value("20: 4; 10: 2").run()
    assert "does not grow towards 8 steps" in texts(app)
    assert _spec_of(app, drafts).rollout == expected
    app = app.radio(key="field:rollout.kind").set_value("backprop").run()
    assert _spec_of(app, drafts).rollout == RolloutSpec(kind="backprop")


@pytest.mark.slow
def test_what_a_variant_can_not_do_is_not_offered(open_page: OpenPage, drafts: DraftStore) -> None:
    keys = {variant: _offered(open_page, drafts, variant) for variant in _SOME_VARIANTS}
    assert keys == {
        "small": set(),
        "0.25-wave": {"model.lora_mode"},
        "v1.5": {"rollout.lead_hours"},
        "v1.5-ensemble": {"rollout.lead_hours", "rollout.members"},
    }


def _offered(open_page: OpenPage, drafts: DraftStore, variant: str) -> set[str]:
    spec = demo().replace(data=TINY_DATA, model=demo().model.replace(variant=variant))
    app = open_page("train", draft=drafts.create(spec).id)
    assert not app.exception
    widgets = (*app.number_input, *app.multiselect, *app.selectbox)
    keys = {(w.key or "").removeprefix("field:") for w in widgets}
    return {key for key in keys if key.startswith(("rollout.", "model.lora_mode"))}


def test_lora_from_the_second_step_alone_is_set_up(open_page: OpenPage, drafts: DraftStore) -> None:
    spec = demo().replace(data=TINY_DATA).with_overrides(["model.use_lora=true"])
    app = open_page("train", draft=drafts.create(spec).id)
    app = app.radio(key="field:rollout.kind").set_value("backprop").run()
    app = app.selectbox(key="field:model.lora_mode").select("from_second").run()
    app = app.radio(key="field:trainable.parts").set_value("lora").run()
    app = app.selectbox(key="field:trainable.lora.kind").select("package").run()
    assert not app.exception
    assert not app.error
    found = _spec_of(app, drafts)
    assert found.trains_from_second_alone
    app = app.radio(key="field:rollout.kind").set_value("none").run()
    assert "leaves the first step of a forecast without anything" in texts(app)
    assert _spec_of(app, drafts) == found


@pytest.mark.parametrize(
    ("text", "stages"), [("", ()), ("5000: 16", ((5000, 16),)), (" 2:4 ;9 : 5; ", ((2, 4), (9, 5)))]
)
def test_stages_are_read_from_text(text: str, stages: tuple[tuple[int, int], ...]) -> None:
    assert stages_of(text) == stages


@pytest.mark.parametrize("text", ["5000", "a: b", "5: -1", "1: 2: 3"])
def test_what_is_no_stage_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="is no stage; write until: steps"):
        stages_of(text)
