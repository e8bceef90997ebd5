"""LoRA attached from outside: without effect at first, then as its formula says, then merged."""

from __future__ import annotations

import pytest
import torch

from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.lora import adapter_weights, is_adapter, merge_lora
from aurora_dash.spec import RunSpec
from aurora_dash.variants import VARIANTS


def _spec(**lora: object) -> RunSpec:
    return RunSpec.build({"trainable": {"parts": "lora", "lora": lora}})


def _disturb(built: BuiltModel, seed: int = 1) -> None:
    """Switch on the blocks of a random backbone, and the adapters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in built.module.named_parameters():
            if "backbone" in name:
                value += 0.02 * torch.randn(value.shape, generator=generator)


def test_the_start_is_bit_identical(tiny_spec, make_batch) -> None:
    batch = make_batch(tiny_spec)
    plain = build_model(tiny_spec)
    adapted = build_model(_spec(targets=["qkv", "proj", "mlp"], rank=3, alpha=5))
    own = plain.state_dict()
    assert all(torch.equal(own[k], v) for k, v in adapted.state_dict().items() if k in own)
    for built in (plain, adapted):
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for name, value in built.module.named_parameters():
                if "backbone" in name and not is_adapter(name):
                    value += 0.02 * torch.randn(value.shape, generator=generator)
        # Torch's matrix products round otherwise for weights that want gradients.
        built.module.requires_grad_(False)
    with torch.inference_mode():
        one, other = plain.module.predict(batch), adapted.module.predict(batch)
    assert all(torch.equal(one.surf_vars[k], other.surf_vars[k]) for k in one.surf_vars)
    assert all(torch.equal(one.atmos_vars[k], other.atmos_vars[k]) for k in one.atmos_vars)


@pytest.mark.parametrize(
    ("targets", "layers"),
    [
        (["qkv"], {"qkv"}),
        (["proj"], {"proj"}),
        (["mlp"], {"fc1", "fc2"}),
        (["qkv", "proj"], {"qkv", "proj"}),
    ],
)
def test_the_named_layers_of_every_block_get_adapters(targets, layers) -> None:
    built = build_model(_spec(targets=targets, rank=5))
    names = [n for n in built.state_dict() if n.endswith(".lora_adapter.A")]
    assert {name.split(".")[-3] for name in names} == layers
    # The tiny backbone has four stages of two blocks.
    assert len(names) == 8 * len(layers)
    assert all(n.startswith("backbone.") for n in names)
    assert all(built.state_dict()[name].shape[0] == 5 for name in names)


def test_an_adapted_layer_computes_its_formula() -> None:
    built = build_model(_spec(targets=["proj"], rank=2, alpha=6))
    layer = built.module.get_submodule("backbone.encoder_layers.0.blocks.0.attn.proj")
    with torch.no_grad():
        layer.lora_adapter.B.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.randn(7, 64, generator=torch.Generator().manual_seed(2))
    change = 3.0 * layer.lora_adapter.B @ layer.lora_adapter.A
    expected = x @ (layer.weight + change).T + layer.bias
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_the_adapters_follow_from_the_seed_and_leave_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    one, other = build_model(_spec()).state_dict(), build_model(_spec()).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_every_variant_takes_adapters_beside_a_lora_of_its_own(variant) -> None:
    spec = RunSpec.build({"model": {"variant": variant.id}, "trainable": {"parts": "lora"}})
    built = build_model(spec)
    trained = [n for n, p in built.module.named_parameters() if p.requires_grad]
    assert len(trained) == 2 * 2 * 8
    assert all(is_adapter(name) for name in trained)
    assert any(".loras." in name for name in built.state_dict()) is variant.uses_lora


def test_merged_weights_predict_the_same(tiny_spec, make_batch) -> None:
    built = build_model(_spec(targets=["qkv", "proj", "mlp"], rank=3, alpha=4))
    _disturb(built)
    merged = build_model(tiny_spec)
    weights = merge_lora(built.state_dict())
    assert not adapter_weights(weights)
    merged.module.load_state_dict(weights)
    batch = make_batch(tiny_spec)
    with torch.inference_mode():
        one = built.module.predict_normalised(batch)
        other = merged.module.predict_normalised(batch)
    for name, value in one.surf_vars.items():
        assert torch.allclose(value, other.surf_vars[name], atol=1e-5)
    unmerged = build_model(tiny_spec)
    base = {k: v for k, v in built.state_dict().items() if not is_adapter(k)}
    unmerged.module.load_state_dict(base)
    with torch.inference_mode():
        without = unmerged.module.predict_normalised(batch)
    assert not torch.allclose(one.surf_vars["2t"], without.surf_vars["2t"], atol=1e-3)
