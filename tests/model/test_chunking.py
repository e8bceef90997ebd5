"""Encoder and decoder in chunks: the same forecasts and gradients, piece by piece."""

from __future__ import annotations

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


@pytest.mark.parametrize("value", [0, -2, 2.5, True, "many"])
def test_what_is_no_number_of_chunks_is_refused(value: object) -> None:
    with pytest.raises(SpecError, match="'off', 'auto' or a whole number above 0"):
        ModelSpec.build({"chunks": value})


def test_an_old_spec_without_chunks_still_means_what_it_did() -> None:
    assert ModelSpec.build({"variant": "small"}).chunks == "off"
