"""Which time goes to which slot of a store, so that nothing is written that is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Assignment:
    """Times (as positions in the wanted ones) and slots."""

    order: tuple[int, ...]
    """By slot: which of the wanted times lies there in the end."""
    pending: tuple[tuple[int, int], ...]
    """(slot, time) still to be written, in the order of time."""

    @property
    def num_kept(self) -> int:
        """Times that stay as they are."""
        return len(self.order) - len(self.pending)


def assign(wanted: Sequence[tuple[int, str]], held: Mapping[int, tuple[int, str]]) -> Assignment:
    """Keep what is held unchanged; put the rest into the free slots, in the order of time.

    `wanted` gives time and source of every time, in the order of time; `held` those of every slot
    that is whole. As many slots are used as times are wanted, without a gap.
    """
    position = {pair: index for index, pair in enumerate(wanted)}
    order: dict[int, int] = {}
    placed: set[int] = set()
    for slot, pair in sorted(held.items()):
        index = position.get(pair)
        if index is not None and slot < len(wanted) and index not in placed:
            order[slot] = index
            placed.add(index)
    free = (slot for slot in range(len(wanted)) if slot not in order)
    rest = (index for index in range(len(wanted)) if index not in placed)
    pending = tuple(zip(free, rest, strict=True))
    order.update(dict(pending))
    return Assignment(order=tuple(order[slot] for slot in range(len(wanted))), pending=pending)
