"""Aurora's encoder and decoder in chunks: bands of whole patch rows, one after another.

Both act on one patch at a time, the encodings of position and scale included; only the backbone
mixes patches. So they may take the rows of the grid band by band, each under activation
checkpointing: their share of the backward pass's peak falls with the number of bands, while values
and gradients stay what they were, to the rounding of sums in another order. Nothing of the package
is copied: its own methods are called with a part of the batch. What this relies on is asserted in
``tests/model/test_chunking_guard.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from aurora import Batch, Metadata
from aurora.model.decoder import Perceiver3DDecoder
from aurora.model.encoder import Perceiver3DEncoder
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from aurora_dash.model.chunk_choice import Choice, ModelSize, Work, choose
from aurora_dash.model.device import free_memory

if TYPE_CHECKING:
    from aurora_dash.model.normalised import OwnStatistics


class Chunking:
    """How a model's encoder and decoder are cut; shared by the two."""

    def __init__(
        self, wanted: int | Literal["auto"], size: ModelSize, *, recompute_whole: bool
    ) -> None:
        """`recompute_whole`: recompute even what ``auto`` leaves in one piece."""
        self.told: Callable[[Choice], object] | None = None
        """Called with each choice, once for each kind of work."""
        self.wanted = wanted
        self._size = size
        self._recompute_one = recompute_whole or wanted != "auto"
        self._choices: dict[Work, Choice] = {}

    def rows(self, batch: Batch, patch_size: int, device: torch.device) -> list[int]:
        """Patch rows of each chunk of a batch, chosen when its kind of work is first seen."""
        metadata = batch.metadata
        work = Work(
            num_rows=metadata.lat.shape[0] // patch_size,
            num_columns=metadata.lon.shape[-1] // patch_size,
            num_levels=len(metadata.atmos_levels),
            batch_size=len(metadata.time),
            with_gradient=torch.is_grad_enabled(),
        )
        if work not in self._choices:
            choice = choose(self.wanted, work, self._size, free_memory(device))
            self._choices[work] = choice
            if self.told is not None:
                self.told(choice)
        return work.rows_of(self._choices[work].num_chunks)

    def run(
        self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], num_chunks: int
    ) -> list[Any]:
        """Results of a function for the arguments of each chunk, in their order.

        In the backward pass each is computed again, the last first, and its activations are gone
        before the next one's are there.
        """
        if not torch.is_grad_enabled() or (num_chunks == 1 and not self._recompute_one):
            return [function(*arguments) for arguments in calls]
        # Nothing random is recomputed: dropout rates are zero, and noise enters in the backbone.
        return [
            checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
            for arguments in calls
        ]


class ChunkedEncoder(Perceiver3DEncoder):
    """Aurora's encoder, taking a batch in chunks; weights and their names are the same."""

    chunking: Chunking

    def forward(self, batch: Batch, lead_times: Tensor) -> Tensor:
        """Tokens of shape (b, levels x patches, width), as Aurora's own method gives them."""
        rows = self.chunking.rows(batch, self.patch_size, lead_times.device)
        parts = _split(batch, [self.patch_size * number for number in rows])
        calls = ((part, lead_times) for part in parts)
        encoded = self.chunking.run(super().forward, calls, len(rows))
        by_level = [torch.chunk(tokens, self.latent_levels, dim=1) for tokens in encoded]
        # Level by level, as they come: FSDP would rather not have a view.
        return torch.cat([piece for level in zip(*by_level, strict=True) for piece in level], dim=1)


class ChunkedDecoder(Perceiver3DDecoder):
    """Aurora's decoder, taking tokens in chunks; weights and their names are the same."""

    chunking: Chunking

    def forward(
        self, x: Tensor, batch: Batch, patch_res: tuple[int, int, int], lead_times: Tensor
    ) -> Batch:
        """Prediction for `batch`, as Aurora's own method gives it."""
        levels, _, columns = patch_res
        rows = self.chunking.rows(batch, self.patch_size, x.device)
        # The parts share the memory of `x`, and the gradient comes back in one piece.
        by_level = x.reshape(len(x), levels, -1, x.shape[-1])
        tokens = torch.split(by_level, [columns * number for number in rows], dim=2)
        parts = _split(batch, [self.patch_size * number for number in rows])
        calls = (
            (part_tokens, part, (levels, number, columns), lead_times)
            for part_tokens, part, number in zip(tokens, parts, rows, strict=True)
        )
        return _joined(self.chunking.run(self._decode, calls, len(rows)), batch)

    def _decode(
        self, tokens: Tensor, batch: Batch, patch_res: tuple[int, int, int], lead_times: Tensor
    ) -> Batch:
        return super().forward(tokens.flatten(1, 2), batch, patch_res, lead_times)


def chunk_parts(
    module: OwnStatistics, wanted: int | Literal["auto"], *, recompute_whole: bool
) -> None:
    """Let a model's encoder and decoder run in chunks from now on.

    `wanted` is their number or ``auto``; `recompute_whole`: where ``auto`` finds that they need
    not be cut, recompute them in the backward pass nonetheless.
    """
    size = ModelSize(
        width=module.encoder.embed_dim,
        num_perceivers=1 + bool(module.decoder.separate_perceiver),
        num_trained=sum(p.numel() for p in module.parameters() if p.requires_grad),
    )
    chunking = Chunking(wanted, size, recompute_whole=recompute_whole)
    parts: dict[type, Any] = {ChunkedEncoder: module.encoder, ChunkedDecoder: module.decoder}
    for chunked, part in parts.items():
        # The same object with other methods: a wrapper around it would change all names.
        part.__class__ = chunked
        part.chunking = chunking
    module.chunking = chunking


def _split(batch: Batch, rows: list[int]) -> list[Batch]:
    """A batch by bands of so many latitudes each; tensors are views."""

    def split(values: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        bands = {name: torch.split(value, rows, dim=-2) for name, value in values.items()}
        return [{name: band[i] for name, band in bands.items()} for i in range(len(rows))]

    return [
        dataclasses.replace(
            batch, surf_vars=surf, static_vars=static, atmos_vars=atmos, metadata=metadata
        )
        for surf, static, atmos, metadata in zip(
            split(batch.surf_vars),
            split(batch.static_vars),
            split(batch.atmos_vars),
            _split_metadata(batch.metadata, rows),
            strict=True,
        )
    ]


def _split_metadata(metadata: Metadata, rows: list[int]) -> list[Metadata]:
    lat, lon = metadata.lat, metadata.lon
    # Longitudes of a curvilinear grid have rows too.
    lons = torch.split(lon, rows) if lon.dim() == 2 else [lon] * len(rows)
    return [
        dataclasses.replace(metadata, lat=band, lon=lon)
        for band, lon in zip(torch.split(lat, rows), lons, strict=True)
    ]


def _joined(parts: Sequence[Batch], whole: Batch) -> Batch:
    """Predictions for the bands of `whole` as one."""
    first = parts[0]
    lat = torch.cat([part.metadata.lat for part in parts])
    lon = first.metadata.lon
    if lon.dim() == 2:
        lon = torch.cat([part.metadata.lon for part in parts])

    def cat(values: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([part[name] for part in values], dim=-2) for name in values[0]}

    return dataclasses.replace(
        first,
        surf_vars=cat([part.surf_vars for part in parts]),
        static_vars=whole.static_vars,
        atmos_vars=cat([part.atmos_vars for part in parts]),
        metadata=dataclasses.replace(first.metadata, lat=lat, lon=lon),
    )
