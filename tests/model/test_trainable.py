"""What is frozen, what is attached, and what becomes of an earlier run's LoRA."""

from __future__ import annotations

import pytest
import torch

from aurora_dash.model.build import build_model
from aurora_dash.model.lora import adapter_weights, merge_lora
from aurora_dash.model.trainable import training_group
from aurora_dash.spec import RunSpec
from aurora_dash.variants import VARIANTS

NEW = [
    {"name": "tcwv2", "mean": 20, "std": 15},
    {"name": "sdor2", "group": "static", "mean": 0, "std": 50},
    {"name": "w", "group": "atmospheric", "mean": 0, "std": 0.2},
]


def _trained(spec: RunSpec) -> set[str]:
    built = build_model(spec)
    trained = {n for n, p in built.module.named_parameters() if p.requires_grad}
    assert built.num_trainable == sum(built.state_dict()[name].numel() for name in trained)
    return trained


def test_everything_is_trainable_by_default() -> None:
    built = build_model(RunSpec())
    assert built.num_trainable == built.num_parameters == 1_563_984


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_new_alone_leaves_only_new_embeddings_and_heads(variant) -> None:
    model = {"variant": variant.id}
    spec = RunSpec.build({"model": model, "variables": NEW, "trainable": {"parts": "new"}})
    names = _trained(spec)
    assert {"encoder.surf_token_embeds.weights.tcwv2", "decoder.surf_heads.tcwv2.weight"} <= names
    assert "encoder.surf_token_embeds.weights.sdor2" in names
    assert all("tcwv2" in name or "sdor2" in name or ".w." in name + "." for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["small", "0.25-wave", "0.4-air-pollution"])
def test_groups_are_trained_as_chosen(variant) -> None:
    def names(*groups: str) -> set[str]:
        trainable = {"parts": "groups", "groups": groups}
        return _trained(RunSpec.build({"model": {"variant": variant}, "trainable": trainable}))

    encoder, backbone, decoder = names("encoder"), names("backbone"), names("decoder")
    everything = {n for n, _ in build_model(_variant(variant)).module.named_parameters()}
    assert encoder | backbone | decoder == everything
    assert len(encoder) + len(backbone) + len(decoder) == len(everything)
    assert all(name.startswith("backbone.") for name in backbone)
    assert all(name.startswith("decoder.") for name in decoder)
    assert names("encoder", "decoder") == encoder | decoder


def _variant(variant: str) -> RunSpec:
    return RunSpec.build({"model": {"variant": variant}})


def test_a_lora_of_the_checkpoint_is_trained_with_its_backbone() -> None:
    own = "backbone.encoder_layers.0.blocks.0.attn.lora_qkv.loras.0.lora_A"
    added = "backbone.encoder_layers.0.blocks.0.attn.qkv.lora_adapter.A"
    assert training_group(own) == "backbone"
    assert training_group(added) == "lora"
    assert training_group("backbone._checkpoint_wrapped_module.x.weight") == "backbone"


def test_recomputed_activations_freeze_and_train_the_same() -> None:
    spec = RunSpec.build({"trainable": {"parts": "groups", "groups": ["decoder", "lora"]}})
    recomputed = spec.replace(model=spec.model.replace(activation_checkpointing=True))
    assert build_model(spec).num_trainable == build_model(recomputed).num_trainable
    assert list(build_model(spec).state_dict()) == list(build_model(recomputed).state_dict())


def _saved(tmp_path, lora: dict[str, object]) -> tuple[RunSpec, dict[str, torch.Tensor]]:
    """A file of weights with adapters that have an effect."""
    spec = RunSpec.build({"trainable": {"parts": "lora", "lora": lora}})
    weights = build_model(spec).state_dict()
    for name in adapter_weights(weights):
        if name.endswith(".B"):
            torch.nn.init.normal_(weights[name], generator=torch.Generator().manual_seed(1))
    torch.save(weights, tmp_path / "lora.pt")
    model = {"source": "file", "path": str(tmp_path / "lora.pt")}
    return spec.replace(model=model), weights


def test_the_same_lora_goes_on_where_it_was(tmp_path) -> None:
    spec, weights = _saved(tmp_path, {"rank": 4})
    built = build_model(spec)
    assert built.state_dict().keys() == weights.keys()
    assert all(torch.equal(v, weights[k]) for k, v in built.state_dict().items())
    assert built.report.complete


@pytest.mark.parametrize(
    "trainable",
    [
        {"parts": "all"},
        {"parts": "lora", "lora": {"rank": 2}},
        {"parts": "lora", "lora": {"rank": 4, "alpha": 1}},
        {"parts": "lora", "lora": {"rank": 4, "targets": ["mlp"]}},
    ],
    ids=str,
)
def test_another_lora_is_merged_before_training_goes_on(tmp_path, trainable) -> None:
    spec, weights = _saved(tmp_path, {"rank": 4})
    built = build_model(spec.replace(trainable=trainable))
    expected = merge_lora(weights)
    found = built.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    attached = adapter_weights(found)
    assert bool(attached) is (trainable["parts"] == "lora")
    assert all(not v.any() for k, v in attached.items() if k.endswith(".B"))
    changed = "backbone.encoder_layers.0.blocks.0.attn.qkv.weight"
    assert not torch.equal(expected[changed], weights[changed])
