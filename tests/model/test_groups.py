from __future__ import annotations

import pytest

from aurora_dash.model.build import build_model
from aurora_dash.model.groups import PARAMETER_GROUPS, canonical_name, group_of
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group

NEW = (
    VariableSpec(name="tcwv", group=Group.SURFACE, mean=20, std=10),
    VariableSpec(name="sdor", group=Group.STATIC, mean=0, std=50),
    VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=0, std=0.2),
)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("encoder.surf_token_embeds.weights.2t", "encoder"),
        ("encoder.surf_token_embeds.weights.tcwv", "new_embeddings"),
        ("encoder.surf_token_embeds.weights.sdor", "new_embeddings"),
        ("encoder.surf_token_embeds.bias", "encoder"),
        ("encoder.atmos_token_embeds.weights.w", "new_embeddings"),
        ("encoder.atmos_token_embeds.layers.850.weights.w", "new_embeddings"),
        ("encoder.atmos_token_embeds.layers.850.weights.static_sdor", "new_embeddings"),
        ("encoder.atmos_token_embeds.layers.850.weights.static_z", "encoder"),
        ("encoder.atmos_token_embeds.weights.tcwv", "encoder"),
        ("decoder.surf_heads.tcwv.weight", "new_embeddings"),
        ("decoder.surf_heads.tcwv_mod.bias", "new_embeddings"),
        ("decoder.surf_heads.w.weight", "decoder"),
        ("decoder.atmos_heads.w.bias", "new_embeddings"),
        ("decoder.atmos_heads.w.layers.50.weight", "new_embeddings"),
        ("decoder.atmos_heads.z.layers.50.weight", "decoder"),
        ("decoder.level_decoder.layers.0.0.to_q.weight", "decoder"),
        ("backbone.encoder_layers.0.blocks.1.attn.qkv.weight", "backbone"),
        ("backbone.encoder_layers.0.blocks.1.attn.lora_qkv.loras.0.lora_A", "lora"),
        ("surf_feature_combiner.pm10.weight", "encoder"),
        (
            "encoder._checkpoint_wrapped_module.surf_token_embeds.weights.tcwv",
            "new_embeddings",
        ),
    ],
)
def test_a_parameter_is_grouped_by_its_name(name: str, group: str) -> None:
    assert group_of(name, NEW) == group


def test_the_same_name_in_another_group_is_not_the_new_variable() -> None:
    # `z` is a static variable and an atmospheric one; here only a surface `tcwv` is new.
    only_surface = NEW[:1]
    assert group_of("encoder.atmos_token_embeds.weights.tcwv", only_surface) == "encoder"
    assert group_of("decoder.atmos_heads.tcwv.weight", only_surface) == "decoder"


def test_wrapper_names_disappear() -> None:
    wrapped = "backbone._checkpoint_wrapped_module.encoder_layers.0._checkpoint_wrapped_module.x"
    assert canonical_name(wrapped) == "backbone.encoder_layers.0.x"


def test_every_parameter_of_a_real_model_is_in_the_expected_group() -> None:
    spec = RunSpec(model=ModelSpec(variant="0.25-finetuned"), variables=NEW)
    groups = build_model(spec).parameters_by_group()
    assert set(groups) == set(PARAMETER_GROUPS)
    assert set(groups["new_embeddings"]) == {
        "encoder.surf_token_embeds.weights.tcwv",
        "encoder.surf_token_embeds.weights.sdor",
        "encoder.atmos_token_embeds.weights.w",
        "decoder.surf_heads.tcwv.weight",
        "decoder.surf_heads.tcwv.bias",
        "decoder.atmos_heads.w.weight",
        "decoder.atmos_heads.w.bias",
    }
    assert all(".lora_" in name for name in groups["lora"])
