"""Training on boxes of the grid instead of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from aurora_dash.data.batches import Sample, Samples, cut
from aurora_dash.data.crops import Box, centre, places
from aurora_dash.training.order import mix_seed

# Sets these random numbers apart from those that shuffle.
_SALT = 0xC209


@dataclass(frozen=True)
class RandomCrop:
    """Cuts the same box out of all samples of a step: a batch has one grid.

    Where is a function of seed and step alone, so resuming needs no state.
    """

    size: tuple[int, int]
    """Height and width in grid points."""
    seed: int

    def box(self, step: int, grid: tuple[int, int]) -> Box:
        """The box of 0-based step `step` in a grid of (height, width); any place is as likely."""
        generator = torch.Generator().manual_seed(mix_seed(self.seed ^ _SALT, step))
        top, left = (
            int(torch.randint(num, (), generator=generator)) for num in places(grid, self.size)
        )
        return Box(top, left, *self.size)

    def __call__(self, step: int, samples: Sequence[Sample]) -> list[Sample]:
        """The samples of a step, which have one grid, cut."""
        box = self.box(step, grid_of(samples[0]))
        return [cut(sample, box) for sample in samples]


@dataclass(frozen=True)
class CentreCrop:
    """Samples of which only the box in the middle is given."""

    samples: Samples
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        sample = self.samples[index]
        return cut(sample, centre(grid_of(sample), self.size))


def grid_of(sample: Sample) -> tuple[int, int]:
    """Height and width of a sample's grid."""
    metadata = sample[0].metadata
    return len(metadata.lat), len(metadata.lon)
