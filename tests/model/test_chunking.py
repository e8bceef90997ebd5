"""Encoder and decoder in chunks: the same forecasts and gradients, piece by piece."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import SpecError
from aurora_dash.model.build import BuiltModel, build_model
from aurora_dash.model.checkpointing import LAYERS
from aurora_dash.model.chunking import ChunkedDecoder, ChunkedEncoder
from aurora_dash.spec import ModelSpec, RunSpec

IN_BACKBONE = {
    *("Basic3DEncoderLayer", "Basic3DDecoderLayer"),
    *("Swin3DTransformerBlock", "Swin3DTransformerBackbone"),
}


def _spec(**model: object) -> RunSpec:
    return RunSpec.build({"model": model})


def _gradients(built: BuiltModel, batch) -> dict[str, torch.Tensor]:
    prediction = built.module.predict_normalised(batch)
    values = (*prediction.surf_vars.values(), *prediction.atmos_vars.values())
    torch.autograd.backward(sum(value.square().mean() for value in values))
    return {
        name.replace("_checkpoint_wrapped_module.", ""): parameter.grad
        for name, parameter in built.module.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize("layers", ["off", *LAYERS])
def test_chunks_and_checkpointing_go_together(make_batch, layers: str) -> None:
    batch = make_batch(_spec())
    options = (
        {} if layers == "off" else {"activation_checkpointing": True, "checkpointed_layers": layers}
    )
    plain, chunked = build_model(_spec()), build_model(_spec(chunks=3, **options))
    wrapped = {
        type(part._checkpoint_wrapped_module).__name__
        for part in chunked.module.modules()
        if hasattr(part, "_checkpoint_wrapped_module")
    }
    assert wrapped == (LAYERS[layers] & IN_BACKBONE if options else set())
    assert isinstance(chunked.module.encoder, ChunkedEncoder)
    assert isinstance(chunked.module.decoder, ChunkedDecoder)
    assert list(chunked.state_dict()) == list(plain.state_dict())
    expected, found = _gradients(plain, batch), _gradients(chunked, batch)
    assert list(found) == list(expected)
    for name, gradient in expected.items():
        assert (found[name] - gradient).norm() <= 2e-6 * gradient.norm(), name


@pytest.mark.parametrize("recompute", [False, True])
def test_what_auto_leaves_whole_is_recomputed_where_all_is(make_batch, recompute: bool) -> None:
    module = build_model(_spec(chunks="auto", activation_checkpointing=recompute)).module
    num_calls = {"encoder": 0, "decoder": 0}

    def count(name: str) -> None:
        num_calls[name] += 1

    inner = {"encoder": module.encoder.surf_mlp, "decoder": module.decoder.surf_heads["2t"]}
    for name, part in inner.items():
        part.register_forward_hook(lambda *_, name=name: count(name))
    module.predict_normalised(make_batch(_spec())).surf_vars["2t"].sum().backward()
    assert num_calls == dict.fromkeys(num_calls, 2 if recompute else 1)


def test_a_forecast_in_chunks_is_the_same_without_gradient(make_batch) -> None:
    batch = make_batch(_spec(), size=2)
    with torch.inference_mode():
        whole, cut = (
            build_model(_spec(**options)).module.predict(batch) for options in ({}, {"chunks": 3})
        )
    assert cut.metadata.time == whole.metadata.time
    for found, expected in (
        (cut.surf_vars, whole.surf_vars),
        (cut.static_vars, whole.static_vars),
        (cut.atmos_vars, whole.atmos_vars),
    ):
        assert list(found) == list(expected)
        for name, values in expected.items():
            torch.testing.assert_close(found[name], values, rtol=2e-6, atol=0)


@pytest.mark.slow
def test_the_peak_of_memory_falls(repository: Path) -> None:
    # Linux counts the peak; a block of its own for each tensor goes back when the tensor goes.
    allocator = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.model.chunk_memory", '"off"', "8"],
        cwd=repository,
        env={**os.environ, **allocator, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    whole, cut = json.loads(done.stdout)
    # Measured: 158 and 58 MiB in training, 112 and 42 in a forecast.
    assert cut["train"] < 0.5 * whole["train"]
    assert cut["predict"] < 0.6 * whole["predict"]


@pytest.mark.parametrize("value", [0, -2, 2.5, True, "many"])
def test_what_is_no_number_of_chunks_is_refused(value: object) -> None:
    with pytest.raises(SpecError, match="'off', 'auto' or a whole number above 0"):
        ModelSpec.build({"chunks": value})


def test_an_old_spec_without_chunks_still_means_what_it_did() -> None:
    assert ModelSpec.build({"variant": "small"}).chunks == "off"
