"""Time steps beside each other in memory, so that samples are views of them and nothing is copied.

A strip holds a few steps that follow each other. A sample's inputs are a piece of it, its targets
too; the next sample of a run of neighbours adds one step at the end. Every place is written once,
so whoever holds a sample keeps its values; a strip's memory is used again by `Buffers` once nobody
holds any part of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch

from aurora_dash.data.buffers import Buffers
from aurora_dash.data.steps import Step, StepReader

Views = dict[str, torch.Tensor]
"""By key: (1, steps, (levels,) latitudes, longitudes)."""


class _Strip:
    """Places for steps that follow each other."""

    def __init__(self, tensors: dict[str, torch.Tensor], length: int) -> None:
        self.tensors = tensors
        self.held: list[int | None] = [None] * length
        """Time index of the step in each place; None where none was written yet."""

    def fits(self, start: int, indices: Sequence[int]) -> bool:
        """Whether each of those steps is, or can be put, at `start` and after."""
        places = range(start, start + len(indices))
        return (
            start >= 0
            and places.stop <= len(self.held)
            and all(self.held[p] in (None, i) for p, i in zip(places, indices, strict=True))
        )

    def step(self, place: int) -> Step:
        """The memory of a place."""
        return {key: tensor[place].numpy() for key, tensor in self.tensors.items()}


class _Place(NamedTuple):
    strip: _Strip
    number: int


class Strips:
    """Gives samples as views; the newest steps are known for the next. For one thread at a time.

    Whoever is given a view must not write to it: neighbouring samples share memory.
    """

    def __init__(
        self, reader: StepReader, buffers: Buffers, *, keep_steps: int, length: int
    ) -> None:
        """`keep_steps` steps are kept beyond those that samples in use hold; strips have room for
        `length`, at least as many as a sample has inputs."""
        self._reader = reader
        self._buffers = buffers
        self._num_kept = keep_steps
        self._length = length
        self._places: OrderedDict[int, _Place] = OrderedDict()

    def __contains__(self, index: int) -> bool:
        return index in self._places

    def take(self, inputs: Sequence[int], targets: Sequence[int]) -> tuple[Views, list[Views]]:
        """Views of the steps at time indices `inputs` together, and of each of `targets`."""
        first = self._together(inputs)
        place = _Place(first.strip, first.number + len(inputs) - 1)
        given = [_views(first, len(inputs))]
        for target in targets:
            place = self._after(place, target, len(inputs) - 1)
            given.append(_views(place, 1))
        for index in (*inputs, *targets):
            self._places.move_to_end(index)
        while len(self._places) > self._num_kept:
            self._places.popitem(last=False)
        return given[0], given[1:]

    def _together(self, indices: Sequence[int]) -> _Place:
        """Where those steps are beside each other, put there as far as they are not."""
        place = self._room(indices)
        for number, index in enumerate(indices, place.number):
            self._put(index, _Place(place.strip, number))
        return place

    def _room(self, indices: Sequence[int]) -> _Place:
        for position, index in reversed(list(enumerate(indices))):
            if known := self._places.get(index):
                start = known.number - position
                if known.strip.fits(start, indices):
                    return _Place(known.strip, start)
        return _Place(self._new(), 0)

    def _after(self, place: _Place, index: int, history: int) -> _Place:
        """Where a step is; if nowhere, it is put after another, or into a strip that begins with
        room for the `history` before it."""
        if known := self._places.get(index):
            return known
        following = _Place(place.strip, place.number + 1)
        if not place.strip.fits(following.number, [index]):
            following = _Place(self._new(), history)
        self._put(index, following)
        return following

    def _put(self, index: int, place: _Place) -> None:
        strip, number = place
        if strip.held[number] is None:
            known = self._places.get(index)
            if known is None:
                self._reader.read(index, strip.step(number))
            else:
                self._reader.copy(known.strip.step(known.number), strip.step(number))
            # Only now: a step that could not be read is nowhere.
            strip.held[number] = index
        self._places[index] = place

    def _new(self) -> _Strip:
        shapes = self._reader.shapes
        tensors = {key: self._buffers.take((self._length, *shapes[key])) for key in shapes}
        return _Strip(tensors, self._length)


def _views(place: _Place, num: int) -> Views:
    part = slice(place.number, place.number + num)
    return {key: tensor[None, part] for key, tensor in place.strip.tensors.items()}
