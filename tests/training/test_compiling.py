from __future__ import annotations

import pytest
import torch

from aurora_dash.errors import ModelError
from aurora_dash.model.compiling import compile_blocks
from aurora_dash.model.groups import canonical_name
from aurora_dash.runs.status import RunState
from aurora_dash.training.engine import train
from tests.training.steps import fresh_step, with_changes


def _gradients(step) -> dict[str, torch.Tensor]:
    named = step.comparer.module.named_parameters()
    return {canonical_name(name): p.grad for name, p in named if p.grad is not None}


@pytest.mark.slow
def test_traced_blocks_go_with_what_else_changes_a_step(spec, samples) -> None:
    """Traced and run by torch's own operations: the same numbers, names and weights."""
    options = {
        "model__activation_checkpointing": True,
        "model__checkpointed_layers": "blocks",
        "model__offload_activations": True,
        "model__autocast": True,
        "model__weights_dtype": "bfloat16",
        "trainable__parts": "lora",
        "optimiser__offload": True,
        "optimiser__clip_norm": None,
    }
    usual, traced = fresh_step(spec, **options), fresh_step(spec, **options)
    names = list(traced.comparer.module.state_dict())
    torch._dynamo.reset()
    assert compile_blocks(traced.comparer.module, backend="aot_eager") == 8
    assert list(traced.comparer.module.state_dict()) == names
    one, two = usual(0, [samples[0]]), traced(0, [samples[0]])
    assert two == pytest.approx(one, rel=1e-4)
    expected, found = _gradients(usual), _gradients(traced)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-2, atol=1e-5)


@pytest.mark.slow
def test_a_compiled_block_computes_what_it_did(spec) -> None:
    """To the rounding of float32, by machine code of its own; the backward pass is the benchmark's,
    for it takes minutes to compile."""
    module = fresh_step(spec).comparer.module
    block = module.backbone.encoder_layers[0].blocks[1]
    assert any(block.shift_size)
    tokens = torch.randn(1, 4 * 8 * 16, block.dim, generator=torch.Generator().manual_seed(1))
    context = torch.randn(1, module.backbone.embed_dim, generator=torch.Generator().manual_seed(2))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    with torch.no_grad():
        expected = block(tokens, context, (4, 8, 16), 0)
        compile_blocks(module)
        found = block(tokens, context, (4, 8, 16), 0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert not torch.equal(expected, tokens)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_without_a_compiler_it_is_refused_and_the_run_says_so(store, spec, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    run = store.create(with_changes(spec, model__compile=True))
    result = train(run)
    assert result.state is RunState.FAILED
    assert "model.compile needs a C++ compiler" in result.reason
    with pytest.raises(ModelError, match="none of c\\+\\+, g\\+\\+"):
        compile_blocks(fresh_step(spec).comparer.module)
