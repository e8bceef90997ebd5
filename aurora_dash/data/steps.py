"""Time steps of a data set in memory that is used again: each read once while it is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr

from aurora_dash.data.infill import masks_of
from aurora_dash.data.reading import Values, read_values
from aurora_dash.data.store.reader import StoredField, stored_field
from aurora_dash.data.workers import Workers

Step = dict[str, Values]
"""Fields of one time by key; beside those of which a remedy filled some in, what it filled, for
`aurora_dash.data.infill.hide_filled`."""


# Of a step: handing its fields to other threads takes longer than reading them.
_SMALL_BYTES = 2**20


class StepReader:
    """Reads all fields of a time, several at once where the data allows it.

    To be used by one thread at a time.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        keys: Sequence[str],
        *,
        workers: Workers,
        computed: Mapping[str, Callable[[int], Values]],
    ) -> None:
        """`computed` gives fields (latitude, longitude) that are not in the data, by time
        index."""
        self._dataset = dataset
        self._masks = masks_of(dataset, keys)
        self._computed = computed
        arrays = {key: dataset[key] for key in keys} | self._masks
        self._in_data = tuple(arrays)
        plane = (dataset.sizes["latitude"], dataset.sizes["longitude"])
        in_data = {key: tuple(array.shape[1:]) for key, array in arrays.items()}
        self.shapes = in_data | dict.fromkeys(computed, plane)
        """By key: (levels,) latitudes, longitudes."""
        self._workers = workers if self.step_bytes > _SMALL_BYTES else Workers(1)
        self._soon: list[int] = []
        self._stored: dict[str, StoredField] = {}
        # The largest first, so that the workers end together.
        for key in sorted(keys, key=lambda key: -dataset[key].size):
            field = stored_field(dataset, key)
            if field is not None:
                self._stored[key] = field

    @property
    def has_masks(self) -> bool:
        """Whether a step tells what a remedy filled in."""
        return bool(self._masks)

    @property
    def step_bytes(self) -> int:
        """Memory of a step."""
        return sum(4 * int(np.prod(shape)) for shape in self.shapes.values())

    def read(self, index: int, step: Step) -> None:
        """Fill the arrays of `step`, one for each of `shapes`, with the time of that index."""
        soon, self._soon = [time for time in self._soon if time != index], []
        self._workers.run(
            partial(_read_field, field, index, step[key], soon)
            for key, field in self._stored.items()
        )
        # The libraries that read other formats take one field at a time.
        for key in self._in_data:
            if key not in self._stored:
                array = self._masks[key] if key in self._masks else self._dataset[key]
                np.copyto(step[key], read_values(array.isel(time=index)))
        for key, compute in self._computed.items():
            np.copyto(step[key], compute(index))

    def copy(self, held: Step, step: Step) -> None:
        """Fill the arrays of `step` with those of another."""
        self._workers.run(partial(np.copyto, step[key], held[key]) for key in self.shapes)

    def expect(self, index: int) -> None:
        """Have the system begin to fetch what a time's files hold when the next one is read.

        The workers do so in passing, since asking for large files takes a while too.
        """
        if self._stored:
            self._soon.append(index)


def _read_field(field: StoredField, index: int, out: Values, soon: Sequence[int]) -> None:
    for time in soon:
        field.expect(time)
    field.read(index, out)


class Steps:
    """Keeps the newest time steps that were read.

    What is given is valid until the next call: its memory is then used for other steps. To be
    used by one thread at a time.
    """

    def __init__(self, reader: StepReader, *, keep_bytes: int, keep_steps: int = 0) -> None:
        """`keep_steps` steps are kept, and more as far as `keep_bytes` allow."""
        self._reader = reader
        self._num_kept = max(keep_steps, keep_bytes // max(1, reader.step_bytes))
        self._kept: OrderedDict[int, Step] = OrderedDict()
        self._free: list[Step] = []

    def __contains__(self, index: int) -> bool:
        return index in self._kept

    def take(self, indices: Sequence[int]) -> dict[int, Step]:
        """The steps at time `indices`; those not kept are read, each once."""
        wanted = dict.fromkeys(indices)
        self._shrink(self._num_kept)
        for index in wanted:
            if index in self._kept:
                self._kept.move_to_end(index)
        missing = [index for index in wanted if index not in self._kept]
        # Those that are wanted stay, even if there are more than are to be kept.
        self._shrink(max(self._num_kept, len(wanted)) - len(missing))
        for index in missing:
            step = self._free.pop() if self._free else self._new()
            self._reader.read(index, step)
            self._kept[index] = step
        return {index: self._kept[index] for index in wanted}

    def _shrink(self, most: int) -> None:
        while len(self._kept) > most:
            self._free.append(self._kept.popitem(last=False)[1])

    def _new(self) -> Step:
        return {key: np.empty(shape, np.float32) for key, shape in self._reader.shapes.items()}
