"""Which of a step's samples a process takes: a function of its number, the same in every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.spec import RunSpec
from aurora_dash.training.order import Order


class Share:
    """Whole batches of a step: every one for a process that is alone, else each `world`-th."""

    splits_batches = False
    """Whether processes take a part of every batch each."""

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self._first = rank
        self.stride = world
        """From one batch of this process to its next."""

    def numbers(self, first: int, count: int) -> range:
        """Of `count` batches from number `first` on, a step's, those of this process."""
        return range(first + self._first, first + count, self.stride)

    def order(self, order: Order) -> Order:
        """What this process reads of each batch."""
        return order

    def weight(self, number: int, size: int) -> float:
        """How many samples of a batch this process stands for, that holds `size` of them."""
        return float(size)

    def stands_in(self, number: int) -> bool:
        """Whether a batch has no sample for this process, which was given one that must not
        count: all processes have to compute."""
        return False


class PartOfBatches(Share):
    """A part of every batch: neighbours in it, as many for each process as can be."""

    splits_batches = True

    def __init__(self, rank: int, world: int, order: Order) -> None:
        super().__init__()
        self._rank, self._world, self._order = rank, world, order

    def order(self, order: Order) -> Order:
        """The same batches, with the samples of this process alone."""
        return _PartOfOrder(order, self._rank, self._world)

    def weight(self, number: int, size: int) -> float:
        """Losses of a part are scaled so that the mean over the processes is the batch's."""
        return len(self._order.batch(number)) / self._world

    def stands_in(self, number: int) -> bool:
        """Whether a batch, the last of an epoch, is too small to have a sample for all."""
        return not part_of(self._order.batch(number), self._rank, self._world)


class _PartOfOrder:
    """An order of which a process takes a part of each batch, at least one sample."""

    def __init__(self, order: Order, rank: int, world: int) -> None:
        self._order, self._rank, self._world = order, rank, world

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one pass over the samples of all."""
        return self._order.steps_per_epoch

    def epoch(self, step: int) -> float:
        """Passes of all processes together."""
        return self._order.epoch(step)

    def batch(self, step: int) -> list[int]:
        """The samples of this process; where there is none for it, one that takes its place."""
        whole = self._order.batch(step)
        return part_of(whole, self._rank, self._world) or whole[:1]


def part_of(items: list[int], rank: int, world: int) -> list[int]:
    """The `rank`-th of `world` parts of nearly equal length, the first ones longer."""
    return items[_begin(len(items), rank, world) : _begin(len(items), rank + 1, world)]


def _begin(size: int, rank: int, world: int) -> int:
    each, more = divmod(size, world)
    return rank * each + min(rank, more)


def share_of(spec: RunSpec, rank: int, world: int, order: Order) -> Share:
    """What a process takes of the batches of `order`, as `DistributedSpec` says."""
    if world == 1 or spec.training.accumulate % world == 0:
        return Share(rank, world)
    return PartOfBatches(rank, world, order)


def without_values(batch: Batch) -> Batch:
    """A target with which there is nothing to compare."""

    def nothing(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.full_like(value, torch.nan) for name, value in values.items()}

    return dataclasses.replace(
        batch, surf_vars=nothing(batch.surf_vars), atmos_vars=nothing(batch.atmos_vars)
    )
