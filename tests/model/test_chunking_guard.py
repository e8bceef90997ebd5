"""What cutting encoder and decoder into chunks relies on in the installed package.

A new version of microsoft-aurora that changes any of it fails here. Then read what changed, make
sure that encoder and decoder still act on one patch at a time and draw no random numbers, run
``test_chunking_equality.py``, and bring the digests up to date.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from aurora import Aurora, Batch, Metadata
from aurora.model import posencoding, util
from aurora.model.decoder import Perceiver3DDecoder
from aurora.model.encoder import Perceiver3DEncoder
from aurora.model.fourier import FourierExpansion, pos_expansion, scale_expansion
from aurora.model.levelcond import LevelConditioned
from aurora.model.patchembed import LevelPatchEmbed
from aurora.model.perceiver import MLP, PerceiverAttention, PerceiverResampler
from torch import Tensor

from aurora_dash.model.build import constructor_options
from aurora_dash.model.chunking import ChunkedDecoder, ChunkedEncoder
from aurora_dash.training.comparer import Comparer
from aurora_dash.variants import VARIANTS
from tests.model.chunked import built, spec_of, two_samples

# SHA-256 of their source in microsoft-aurora 2.0.1.
DIGESTS = {
    Aurora.forward: "5cdef201dc52b071",
    Perceiver3DEncoder.forward: "182d108bb3048da0",
    Perceiver3DEncoder.aggregate_levels: "101c141253ff189a",
    Perceiver3DDecoder.forward: "b2926cd6a9556c5c",
    Perceiver3DDecoder.deaggregate_levels: "bf55eb110d2e5e8d",
    PerceiverResampler.forward: "6f7534ca8677f450",
    PerceiverAttention.forward: "48ac599cc5fb4a43",
    MLP.forward: "f9d416189133d5ee",
    LevelPatchEmbed.forward: "80ad062e5156babe",
    LevelConditioned.forward: "6723562cbc0290b4",
    posencoding.pos_scale_enc: "bdfb4db75365af03",
    posencoding.pos_scale_enc_grid: "8d9da9831ff9f58f",
    posencoding.patch_root_area: "8b8e3d2701a77d45",
    FourierExpansion.forward: "921c9f2ed609258c",
    util.unpatchify: "ad79d96f87825ab7",
    Metadata: "02da5ed86b6a2479",
}


@pytest.mark.parametrize("part", DIGESTS, ids=lambda part: part.__qualname__)
def test_the_package_is_the_one_that_was_read(part: Callable[..., Any]) -> None:
    found = hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:16]
    assert found == DIGESTS[part], f"{part.__qualname__} has changed: see the head of this file"


@pytest.mark.parametrize(
    ("chunked", "whole"),
    [(ChunkedEncoder, Perceiver3DEncoder), (ChunkedDecoder, Perceiver3DDecoder)],
)
def test_the_chunked_parts_are_called_like_the_packages(chunked: type, whole: type) -> None:
    assert list(inspect.signature(chunked.forward).parameters) == list(
        inspect.signature(whole.forward).parameters
    )


@dataclass
class Calls:
    """What encoder and decoder of a model were called with, for one forecast."""

    encoder: Perceiver3DEncoder
    decoder: Perceiver3DDecoder
    given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]]

    @classmethod
    def of(cls, variant: str) -> Calls:
        spec, sample = two_samples(spec_of(variant))
        model = built(spec, double=False)
        given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        for name in ("encoder", "decoder"):
            part = getattr(model.module, name)
            part.register_forward_pre_hook(
                lambda _, args, kwargs, name=name: given.update({name: (args, kwargs)}),
                with_kwargs=True,
            )
        with torch.no_grad():
            Comparer(model, spec, torch.device("cpu")).forecast(*sample, draw=0)
        return cls(model.module.encoder, model.module.decoder, given)

    def encode(self, batch: Batch) -> Tensor:
        """Tokens (b, levels, rows, columns, width)."""
        _, kwargs = self.given["encoder"]
        tokens = Perceiver3DEncoder.forward(self.encoder, batch, **kwargs)
        return tokens.unflatten(1, self.given["decoder"][1]["patch_res"])

    def decode(self, tokens: Tensor) -> Sequence[Tensor]:
        """All predicted fields (b, [levels,] height, width)."""
        (_, batch), kwargs = self.given["decoder"]
        decoded = Perceiver3DDecoder.forward(self.decoder, tokens, batch, **kwargs)
        return (*decoded.surf_vars.values(), *decoded.atmos_vars.values())


@pytest.mark.slow
@pytest.mark.parametrize("variant", [variant.id for variant in VARIANTS])
def test_encoder_and_decoder_act_on_one_patch_at_a_time(variant: str) -> None:
    calls = Calls.of(variant)
    row, column, size = 5, 2, calls.encoder.patch_size
    box = (..., slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size))
    (batch,), _ = calls.given["encoder"]

    def changed(fields: dict[str, Tensor]) -> dict[str, Tensor]:
        fields = {name: values.clone() for name, values in fields.items()}
        for values in fields.values():
            values[box] += 1
        return fields

    with torch.no_grad():
        other = Batch(
            changed(batch.surf_vars),
            changed(batch.static_vars),
            changed(batch.atmos_vars),
            batch.metadata,
        )
        differs = (calls.encode(other) != calls.encode(batch)).any(dim=-1)
        expected = torch.zeros_like(differs)
        expected[..., row, column] = True
        assert torch.equal(differs, expected)

        (tokens, _), kwargs = calls.given["decoder"]
        moved = tokens.unflatten(1, kwargs["patch_res"]).clone()
        moved[..., row, column, :] += 1
        before, after = calls.decode(tokens), calls.decode(moved.flatten(1, 3))
    for one, two in zip(before, after, strict=True):
        differs = one != two
        assert differs[box].any()
        differs[box] = False
        assert not differs.any()


@pytest.mark.slow
@pytest.mark.parametrize("variant", [variant.id for variant in VARIANTS])
def test_encoder_and_decoder_draw_no_random_numbers(variant: str) -> None:
    calls = Calls.of(variant)
    calls.encoder.train()
    calls.decoder.train()
    before = torch.get_rng_state()
    with torch.no_grad():
        calls.encode(calls.given["encoder"][0][0])
        calls.decode(calls.given["decoder"][0][0])
    assert torch.equal(torch.get_rng_state(), before)


def test_no_variant_runs_in_float16() -> None:
    # There V1.5's attention looks for infinities across all patches before it limits any.
    for variant in VARIANTS:
        options = constructor_options(spec_of(variant.id), "tiny")
        assert options["autocast_dtype"] is torch.bfloat16


@pytest.mark.parametrize("columns", [1, 3, 8, 45])
def test_encodings_of_a_band_are_those_of_its_rows_to_the_last_bit(columns: int) -> None:
    # The encoding of a patch's area has wavelengths so short that the last bit of the area counts.
    patch, rows, width = 4, 9, 64
    lat = torch.linspace(89.75, -89.75, patch * rows)
    lon = torch.arange(patch * columns) * (360 / (patch * columns))
    grids = {"vectors": (lat, lon), "matrices": torch.meshgrid(lat, lon, indexing="ij")}

    def encoded(lat: Tensor, lon: Tensor) -> tuple[Tensor, Tensor]:
        return posencoding.pos_scale_enc(width, lat, lon, patch, pos_expansion, scale_expansion)

    for lat, lon in grids.values():
        whole = encoded(lat, lon)
        for first, last in ((0, 1), (1, 4), (4, 9)):
            band = slice(first * patch, last * patch)
            part = encoded(lat[band], lon if lon.dim() == 1 else lon[band])
            for found, expected in zip(part, whole, strict=True):
                assert torch.equal(found, expected[first * columns : last * columns])
