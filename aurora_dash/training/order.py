"""Which samples make up which batch: a function of seed and step, so resuming needs no state."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import torch


class Order(Protocol):
    """Which samples make up which batch."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one pass over the samples."""

    def epoch(self, step: int) -> float:
        """Passes done after `step` steps."""

    def batch(self, step: int) -> list[int]:
        """Sample indices of 0-based step `step`."""


@dataclass(frozen=True)
class BatchOrder:
    """Batches of a training that passes over its samples again and again, newly shuffled.

    The last batch of an epoch is smaller if the samples don't divide evenly.
    """

    num_samples: int
    batch_size: int
    seed: int
    block: int | None = field(default=None, kw_only=True)
    """Neighbouring samples that are taken one after the other; None: each sample by itself."""
    lanes: int | None = field(default=None, kw_only=True)
    """How many blocks are walked through in turns; None: one for each sample of a batch."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one pass over the samples."""
        return -(-self.num_samples // self.batch_size)

    def epoch(self, step: int) -> float:
        """Passes done after `step` steps."""
        whole, rest = divmod(step, self.steps_per_epoch)
        return whole + min(rest * self.batch_size / self.num_samples, 1.0)

    def batch(self, step: int) -> list[int]:
        """Sample indices of 0-based step `step`."""
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.batch_size
        if self.block is None:
            order = _shuffled(self.num_samples, self.seed, epoch)
        else:
            lanes = self.lanes or self.batch_size
            order = _in_blocks(self.num_samples, self.block, lanes, self.seed, epoch)
        return list(order[start : start + self.batch_size])


@lru_cache(maxsize=8)
def _shuffled(num_samples: int, seed: int, epoch: int) -> tuple[int, ...]:
    # A generator of its own, so that nobody else's random numbers matter, nor ours to them.
    generator = torch.Generator().manual_seed(mix_seed(seed, epoch))
    return tuple(torch.randperm(num_samples, generator=generator).tolist())


@lru_cache(maxsize=8)
def _in_blocks(num_samples: int, block: int, lanes: int, seed: int, epoch: int) -> tuple[int, ...]:
    """All samples: blocks of neighbours in random order, `lanes` of them walked through in turns.

    Where the blocks begin is drawn anew in every epoch, so that no two neighbours are apart or
    together in all of them.
    """
    generator = torch.Generator().manual_seed(mix_seed(seed, epoch))
    first = int(torch.randint(min(block, num_samples), (), generator=generator)) + 1
    starts = [0, *range(first, num_samples, block)]
    ends = [*starts[1:], num_samples]
    shuffled = torch.randperm(len(starts), generator=generator).tolist()
    waiting = iter([iter(range(starts[i], ends[i])) for i in shuffled])
    walked = [iter(range(0)) for _ in range(lanes)]
    order: list[int] = []
    while len(order) < num_samples:
        for lane in range(lanes):
            sample = next(walked[lane], None)
            if sample is None:
                walked[lane] = next(waiting, iter(range(0)))
                sample = next(walked[lane], None)
            if sample is not None:
                order.append(sample)
    return tuple(order)


def mix_seed(seed: int, number: int) -> int:
    """A seed for the `number`-th use of `seed`; different pairs practically never coincide."""
    mixed = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    return mixed >> 1
