"""In how many chunks encoder and decoder run: the person's number, or what the memory asks for.

The rule of ``auto``: what encoder and decoder add to the peak must fit in half of the memory that
is free once gradients and optimiser states are there. Free of torch, for estimates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

# What encoder and decoder add to the backward pass's peak, at 512 numbers a token in fp32: found
# with fake tensors at 721 x 1440 points and 13 levels. Without gradients, or in bfloat16, it is
# less: the rule then errs on the safe side, which costs little.
_BYTES_PER_PATCH_AND_LEVEL = 0.056 * 2**20
_WIDTH = 512
# At 13 levels 8 chunks save as much as 32: then a Swin block of the backbone is the larger part.
_USEFUL_PER_LEVEL = 8 / 13
# A gradient and AdamW's two moments, which the first step adds.
_BYTES_PER_TRAINED = 12
_SHARE = 0.5


@dataclass(frozen=True)
class Work:
    """What encoder and decoder have to do in one forward pass."""

    num_rows: int
    """Rows of patches."""
    num_columns: int
    """Patches in a row."""
    num_levels: int
    batch_size: int
    with_gradient: bool = True

    def whole_bytes(self, size: ModelSize) -> int:
        """What it adds to the peak in one piece."""
        num_patches = self.num_rows * self.num_columns * self.batch_size
        one = _BYTES_PER_PATCH_AND_LEVEL * size.width / _WIDTH * size.num_perceivers
        return round(num_patches * self.num_levels * one)

    def most_chunks(self, size: ModelSize) -> int:
        """The number beyond which chunks save nothing."""
        useful = math.ceil(_USEFUL_PER_LEVEL * self.num_levels * size.num_perceivers)
        return min(useful, self.num_rows)

    def rows_of(self, num_chunks: int) -> list[int]:
        """Patch rows of each chunk, north to south, alike to one; at most a chunk for each row."""
        each, more = divmod(self.num_rows, num_chunks)
        return [rows for rows in [each + 1] * more + [each] * (num_chunks - more) if rows]


@dataclass(frozen=True)
class ModelSize:
    """What of a model's size counts here."""

    width: int
    """Numbers a token (`embed_dim`)."""
    num_perceivers: int
    """How many take the decoder's levels apart: 2 with a separate one."""
    num_trained: int
    """Parameters with a gradient."""


@dataclass(frozen=True)
class Choice:
    """A number of chunks, and what it rests on."""

    num_chunks: int
    work: Work
    reason: str

    def __str__(self) -> str:
        parts = "in one piece" if self.num_chunks == 1 else f"in {self.num_chunks} chunks"
        without = "" if self.work.with_gradient else ", where no gradient is needed"
        return f"encoder and decoder run {parts}{without}: {self.reason}"


def choose(wanted: int | Literal["auto"], work: Work, size: ModelSize, free_bytes: int) -> Choice:
    """The number of chunks for some work, where `free_bytes` are free before the first step."""
    if wanted != "auto":
        return Choice(min(wanted, work.num_rows), work, f"model.chunks is {wanted}")
    to_come = _BYTES_PER_TRAINED * size.num_trained if work.with_gradient else 0
    room = _SHARE * (free_bytes - to_come)
    whole, most = work.whole_bytes(size), work.most_chunks(size)
    num_chunks = most if whole > most * room else max(1, math.ceil(whole / room))
    reason = (
        f"whole they would add {_gib(whole)} to the peak; {_gib(free_bytes)} are free, of which "
        f"{_gib(to_come)} will hold gradients and optimiser states and half the rest the backbone"
    )
    return Choice(num_chunks, work, reason)


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.3g} GiB"
