"""Model: options of memory and precision, which can't be brought into a state that is refused."""

from __future__ import annotations

from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import VariableSpec
from aurora_dash.ui import edits
from aurora_dash.ui.drafts import DraftStore
from aurora_dash.variables import Group
from tests.pages.helpers import TINY_DATA, OpenPage

TCWV = VariableSpec(name="tcwv", mean=20, std=10)


def test_options_are_saved_to_the_draft(open_page: OpenPage, store: RunStore) -> None:
    drafts = DraftStore(store.root)
    draft = drafts.create(demo().replace(data=TINY_DATA, variables=(TCWV,)))

    app = open_page("model", draft=draft.id)
    app = app.toggle(key="field:model.activation_checkpointing").set_value(True).run()
    app = app.selectbox(key="field:model.checkpointed_layers").select("blocks").run()
    app = app.selectbox(key="field:model.chunks").select(8).run()
    app = app.toggle(key="field:model.compile").set_value(True).run()
    app = app.toggle(key="field:model.offload_activations").set_value(True).run()
    app = app.selectbox(key="field:model.autocast").select((True, True, True)).run()
    app = app.selectbox(key="field:model.weights_dtype").select("bfloat16").run()
    app = app.multiselect(key="field:model.separate_perceiver").select("q").run()
    app = app.multiselect(key="field:model.modulation_heads").select("tcwv").run()
    app = app.toggle(key="field:training.deterministic").set_value(True).run()
    assert not app.exception
    spec = drafts.get(draft.id).spec
    model = spec.model
    assert (model.activation_checkpointing, model.checkpointed_layers) == (True, "blocks")
    assert model.chunks == 8
    assert (model.autocast, model.autocast_encoder, model.autocast_decoder) == (True, True, True)
    assert (model.weights_dtype, model.offload_activations) == ("bfloat16", True)
    assert (model.separate_perceiver, model.modulation_heads) == (("q",), ("tcwv",))
    assert model.compile
    assert spec.training.deterministic

    app = app.toggle(key="field:model.activation_checkpointing").set_value(False).run()
    app = app.selectbox(key="field:model.autocast").select((False, False, False)).run()
    model = drafts.get(draft.id).spec.model
    assert (model.activation_checkpointing, model.checkpointed_layers) == (False, "default")
    assert (model.autocast, model.weights_dtype) == (False, "float32")


def test_what_is_no_longer_there_leaves_the_options_too() -> None:
    up = VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=0, std=0.2)
    model = demo().model.replace(separate_perceiver=("w", "q"), modulation_heads=("tcwv", "w"))
    spec = demo().replace(variables=(TCWV, up), model=model)
    without = edits.remove_variable(spec, "w", Group.ATMOSPHERIC).model
    assert (without.separate_perceiver, without.modulation_heads) == (("q",), ("tcwv",))
    other, given_up = edits.choose_variant(spec, "v1.5")
    assert (other.model.separate_perceiver, other.model.modulation_heads) == ((), ())
    assert any("second Perceiver" in line for line in given_up)
