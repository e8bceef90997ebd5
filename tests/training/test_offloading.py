from __future__ import annotations

import pytest
import torch

from aurora_dash.model import offloading
from aurora_dash.model.build import build_model
from aurora_dash.model.groups import canonical_name
from aurora_dash.model.transfers import Lane
from aurora_dash.training.step import TrainingStep
from tests.training.steps import fresh_step, with_changes

BLOCKS = {"model__activation_checkpointing": True, "model__checkpointed_layers": "blocks"}


@pytest.fixture
def kept(monkeypatch) -> list[torch.Tensor]:
    """What went to the host's memory; small tensors go too."""
    tensors = []

    class Noting(Lane):
        def to_host(self, values):
            tensors.append(values.detach())
            return super().to_host(values)

    monkeypatch.setattr(offloading, "_LEAST_BYTES", 0)
    monkeypatch.setattr(offloading, "Lane", Noting)
    return tensors


def _gradients(step: TrainingStep) -> dict[str, torch.Tensor]:
    named = step.comparer.module.named_parameters()
    return {canonical_name(name): p.grad for name, p in named if p.grad is not None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        BLOCKS,
        {"model__activation_checkpointing": True},
        {**BLOCKS, "model__chunks": 2},
        {"model__autocast": True, "trainable__parts": "lora"},
        {"rollout": {"kind": "backprop", "steps": 2}, "loss__targets": ["2t"]},
    ],
    ids=["all", "blocks", "default", "chunks", "lora", "rollout"],
)
def test_activations_in_the_hosts_memory_give_the_same_gradients(
    spec, samples, options, kept
) -> None:
    """Digit by digit, with and without what else saves memory."""
    options = {**options, "optimiser__clip_norm": None}
    usual = fresh_step(spec, **options)
    away = fresh_step(spec, **options, model__offload_activations=True)
    one, two = usual(0, [samples[0]]), away(0, [samples[0]])
    assert one == two
    mine, others = _gradients(away), _gradients(usual)
    assert mine.keys() == others.keys()
    assert all(torch.equal(mine[name], others[name]) for name in mine)
    assert kept


def test_with_blocks_recomputed_their_inputs_alone_are_kept(spec, samples, kept) -> None:
    step = fresh_step(spec, **BLOCKS, model__offload_activations=True)
    step(0, [samples[0]])
    module = step.comparer.module
    tokens = [values.shape for values in kept if values.ndim == 3]
    # 4 x 4 patches of 4 x 4 points, 4 latent levels; the second stage has a quarter of them.
    assert {tuple(shape[1:]) for shape in tokens} >= {(64, 64), (16, 128)}
    blocks = [m for m in module.modules() if type(m).__name__ == "Swin3DTransformerBlock"]
    assert len(blocks) <= len(tokens) < 2 * len(blocks) + 8
    assert not _memory(kept) & _memory(module.parameters())


def _memory(tensors) -> set[int]:
    return {values.untyped_storage().data_ptr() for values in tensors}


def test_nothing_is_kept_without_gradients_or_after_a_failure(spec, samples, kept) -> None:
    step = fresh_step(spec, model__offload_activations=True)
    inputs, targets = samples[0]
    with torch.no_grad():
        step.comparer.forecast(inputs, targets, draw=0)
    assert not kept
    module = step.comparer.module
    handle = module.backbone.decoder_layers[0].register_forward_hook(_fail)
    with pytest.raises(RuntimeError, match="no more"):
        step.comparer.forecast(inputs, targets, draw=0)
    handle.remove()
    kept.clear()
    weight = torch.ones(3, requires_grad=True)
    (weight * weight.exp()).sum().backward()
    assert not kept


def _fail(*_: object) -> None:
    raise RuntimeError("no more")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_less_is_allocated_and_the_gradients_are_the_same(
    spec, samples, monkeypatch
) -> None:
    monkeypatch.setattr(offloading, "_LEAST_BYTES", 0)
    found = []
    for wanted in (False, True):
        changed = with_changes(spec, model__offload_activations=wanted)
        built = build_model(changed)
        built.module.to("cuda")
        step = TrainingStep(built, changed, torch.device("cuda:0"), 6)
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        loss = step.comparer.forecast(*samples[0], draw=0).total
        torch.cuda.synchronize()
        held = torch.cuda.memory_allocated() - before
        loss.backward()
        found.append((held, loss.item(), _gradients(step)))
    assert found[1][0] < 0.7 * found[0][0]
    assert found[1][1] == found[0][1]
    for name, value in found[1][2].items():
        torch.testing.assert_close(value, found[0][2][name], rtol=1e-5, atol=1e-7)
