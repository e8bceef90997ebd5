"""Which samples make up which batch: a function of seed and step, so resuming needs no state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch


@dataclass(frozen=True)
class BatchOrder:
    """Batches of a training that passes over its samples again and again, newly shuffled.

    The last batch of an epoch is smaller if the samples don't divide evenly.
    """

    num_samples: int
    batch_size: int
    seed: int

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
        return list(_shuffled(self.num_samples, self.seed, epoch)[start : start + self.batch_size])


@lru_cache(maxsize=8)
def _shuffled(num_samples: int, seed: int, epoch: int) -> tuple[int, ...]:
    # A generator of its own, so that nobody else's random numbers matter, nor ours to them.
    generator = torch.Generator().manual_seed(mix_seed(seed, epoch))
    return tuple(torch.randperm(num_samples, generator=generator).tolist())


def mix_seed(seed: int, number: int) -> int:
    """A seed for the `number`-th use of `seed`; different pairs practically never coincide."""
    mixed = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    return mixed >> 1
