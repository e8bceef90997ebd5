"""Forecasts that wait for their next step, in the memory of the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aurora import Batch, Metadata
from torch import Tensor

from aurora_dash.errors import TrainingError
from aurora_dash.spec import RolloutSpec

_GIB = 2**30


@dataclass(frozen=True)
class Entry:
    """The inputs of a forecast's next step, without what all batches of its data share."""

    surface: dict[str, Tensor]
    """Shape (b, t, h, w), in physical units."""
    atmospheric: dict[str, Tensor]
    """Shape (b, t, c, h, w)."""
    times: tuple[datetime, ...]
    lead: int
    """Steps of the forecast that are done."""

    @classmethod
    def of(cls, inputs: Batch) -> Entry:
        """Inputs as they are kept: on the CPU, without gradients."""

        def kept(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: value.detach().cpu() for name, value in values.items()}

        metadata = inputs.metadata
        return cls(
            kept(inputs.surf_vars), kept(inputs.atmos_vars), metadata.time, metadata.rollout_step
        )

    def inputs(self, like: Batch) -> Batch:
        """A batch with the grid and the static variables of `like`, cropped as this is."""
        return Batch(
            surf_vars=self.surface,
            static_vars=like.static_vars,
            atmos_vars=self.atmospheric,
            metadata=Metadata(
                lat=like.metadata.lat,
                lon=like.metadata.lon,
                time=self.times,
                atmos_levels=like.metadata.atmos_levels,
                rollout_step=self.lead,
            ),
        )

    def to_state(self) -> dict[str, Any]:
        """Tensors and plain values, as a checkpoint takes them; tensors are shared."""
        return {
            "surface": self.surface,
            "atmospheric": self.atmospheric,
            "times": [int(time.timestamp()) for time in self.times],
            "lead": self.lead,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Entry:
        """The inverse of `to_state`."""
        times = tuple(datetime.fromtimestamp(seconds, UTC) for seconds in state["times"])
        return cls(dict(state["surface"]), dict(state["atmospheric"]), times, int(state["lead"]))

    @property
    def num_bytes(self) -> int:
        """Memory that it takes."""
        tensors = (*self.surface.values(), *self.atmospheric.values())
        return sum(tensor.nbytes for tensor in tensors)


class ReplayBuffer:
    """Entries by the training step that made them."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def num_bytes(self) -> int:
        """Memory that all entries take."""
        return sum(entry.num_bytes for entry in self._entries.values())

    def get(self, key: int) -> Entry:
        """The entry of a training step."""
        return self._entries[key]

    def put(self, key: int, entry: Entry) -> None:
        """Add an entry."""
        self._entries[key] = entry

    def drop(self, key: int | None) -> None:
        """Let go of an entry, if one is named."""
        if key is not None:
            del self._entries[key]

    def to_state(self) -> dict[int, dict[str, Any]]:
        """All entries as a checkpoint takes them."""
        return {key: entry.to_state() for key, entry in self._entries.items()}

    def fill(self, state: Mapping[int, Mapping[str, Any]]) -> None:
        """Hold what `to_state` gave, and nothing else."""
        self._entries = {int(key): Entry.from_state(entry) for key, entry in state.items()}


def memory_needed(inputs: Batch, rollout: RolloutSpec, batch_size: int) -> int:
    """Bytes that a full buffer takes, for one sample's `inputs`.

    `TrainingError` if that is more than `rollout.buffer_gib`.
    """
    one = Entry.of(inputs).num_bytes * batch_size
    needed = one * rollout.buffer_size
    if needed > rollout.buffer_gib * _GIB:
        fitting = int(rollout.buffer_gib * _GIB // one)
        raise TrainingError(
            f"A replay buffer of {rollout.buffer_size} batches takes {needed / _GIB:.1f} GiB "
            f"({one / _GIB:.2f} GiB each); rollout.buffer_gib allows {rollout.buffer_gib:g}.",
            remedy=f"Set rollout.buffer_size to {fitting}, or raise rollout.buffer_gib if the "
            "machine has the memory."
            if fitting
            else "Raise rollout.buffer_gib if the machine has the memory, or cut the data smaller.",
        )
    return needed
