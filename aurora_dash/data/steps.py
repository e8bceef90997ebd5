"""Time steps of a data set in memory that is used again: each read once while it is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr

from aurora_dash.data.infill import masks_of
from aurora_dash.data.reading import Values, read_values
from aurora_dash.data.store.reader import ReadField, stored_field
from aurora_dash.data.workers import Workers

Step = dict[str, Values]
"""Fields of one time by key; beside those of which a remedy filled some in, what it filled, for
`aurora_dash.data.infill.hide_filled`."""


class Steps:
    """Reads time steps, several fields at once where the data allows it, and keeps the newest.

    What is given is valid until the next call: its memory is then used for other steps. To be
    used by one thread at a time.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        keys: Sequence[str],
        *,
        keep_bytes: int,
        keep_steps: int = 0,
        workers: Workers,
        computed: Mapping[str, Callable[[int], Values]],
    ) -> None:
        """`keep_steps` steps are kept, and more as far as `keep_bytes` allow. `computed` gives
        fields that are not in the data, by time index."""
        self._dataset = dataset
        self._workers = workers
        self._masks = masks_of(dataset, keys)
        arrays = {key: dataset[key] for key in keys} | self._masks
        self._shapes = {key: array.shape[1:] for key, array in arrays.items()}
        self._stored: dict[str, ReadField] = {}
        for key in keys:
            read = stored_field(dataset, key)
            if read is not None:
                self._stored[key] = read
        self._computed = computed
        step_bytes = sum(4 * int(np.prod(shape)) for shape in self._shapes.values())
        self._num_kept = max(keep_steps, keep_bytes // max(1, step_bytes))
        self._kept: OrderedDict[int, Step] = OrderedDict()
        self._free: list[Step] = []

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
            self._read(index, step)
            self._kept[index] = step
        return {index: self._kept[index] for index in wanted}

    def _shrink(self, most: int) -> None:
        while len(self._kept) > most:
            self._free.append(self._kept.popitem(last=False)[1])

    def _new(self) -> Step:
        return {key: np.empty(shape, np.float32) for key, shape in self._shapes.items()}

    def _read(self, index: int, step: Step) -> None:
        self._workers.run(partial(read, index, step[key]) for key, read in self._stored.items())
        # The libraries that read other formats take one field at a time.
        for key in self._shapes:
            if key not in self._stored:
                array = self._masks[key] if key in self._masks else self._dataset[key]
                np.copyto(step[key], read_values(array.isel(time=index)))
        for key, compute in self._computed.items():
            step[key] = compute(index)
