"""From time indices to Aurora batches, in physical units.

Times are time-zone-aware UTC datetimes: Aurora calls ``timestamp()`` on them, which would read a
naive one in the zone of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Protocol, Self, runtime_checkable

import numpy as np
import torch
import xarray as xr
from aurora import Batch, Metadata
from aurora.insolation import insolation

from aurora_dash.data.buffers import Buffers
from aurora_dash.data.crops import Box
from aurora_dash.data.infill import hide_filled
from aurora_dash.data.reading import Values, read_values
from aurora_dash.data.steps import Step, StepReader, Steps
from aurora_dash.data.strips import Strips, Views
from aurora_dash.data.times import utc_datetimes
from aurora_dash.data.windows import Window
from aurora_dash.data.workers import Workers
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group

DEFAULT_CACHE_BYTES = 512 * 2**20

# Of a strip, beyond a sample: where one ends its last inputs are copied to the next.
_MORE_OF_A_RUN = 2

Sample = tuple[Batch, tuple[Batch, ...]]
"""What is given to the model, and what it should have predicted: a target for each step."""


class Samples(Protocol):
    """Samples by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@runtime_checkable
class Foresighted(Protocol):
    """Samples that come sooner if they are told before."""

    def expect(self, indices: Sequence[int]) -> None:
        """Begin to fetch what these samples need; returns at once."""


@dataclass(frozen=True, kw_only=True)
class VariableNames:
    """Which variables a batch holds, in the model's order."""

    surface: tuple[str, ...]
    """Given to the model; computed ones such as insolation included."""
    static: tuple[str, ...]
    atmospheric: tuple[str, ...]
    output_only: tuple[str, ...] = ()
    """Surface variables that are predicted but not given; in targets where the data has them."""
    atmospheric_output_only: tuple[str, ...] = ()
    """The same of atmospheric variables."""
    input_only: tuple[str, ...] = ()
    """Surface and atmospheric variables that are given but not predicted: not in targets."""
    computed: tuple[str, ...] = ()
    """Those of `surface` that are computed here and not looked for in the data."""

    @classmethod
    def of(cls, spec: RunSpec) -> Self:
        """The names that the model of `spec` works with, new variables last."""
        surface, atmospheric = spec.names(Group.SURFACE), spec.names(Group.ATMOSPHERIC)
        output_only = spec.output_only
        return cls(
            surface=tuple(name for name in surface if name not in output_only),
            static=spec.names(Group.STATIC),
            atmospheric=tuple(name for name in atmospheric if name not in output_only),
            output_only=tuple(name for name in surface if name in output_only),
            atmospheric_output_only=tuple(name for name in atmospheric if name in output_only),
            input_only=spec.input_only,
            computed=spec.model.catalogue_entry.computed,
        )

    def targets(self, dataset: xr.Dataset) -> VariableNames:
        """The names in targets: what is predicted, output-only variables where the data has
        them."""
        surface = (n for n in self.output_only if f"surf_{n}" in dataset)
        atmospheric = (n for n in self.atmospheric_output_only if f"atmos_{n}" in dataset)
        return replace(
            self,
            surface=(*(n for n in self.surface if n not in self.input_only), *surface),
            atmospheric=(*(n for n in self.atmospheric if n not in self.input_only), *atmospheric),
        )


class WindowSamples:
    """The samples of a canonical dataset, one for each window (a map-style torch dataset).

    A sample is an input batch (b=1, one t for each input of the window) and a target batch
    (b=1, t=1) for each target of the window, surface (b, t, h, w), static (h, w) and atmospheric
    (b, t, c, h, w), float32, in physical units.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        windows: Sequence[Window],
        names: VariableNames,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        keep_steps: int = 0,
        workers: Workers | None = None,
        pinned: bool = False,
    ) -> None:
        """Times are kept as far as `cache_bytes` allow, but at least `keep_steps` of them;
        `workers` read together what can be read so; `pinned` memory is for a GPU."""
        self.windows = tuple(windows)
        self.names = names
        self._dataset = dataset
        self._times = utc_datetimes(dataset["time"].values)
        self._levels = _levels(dataset)
        self._targets = names.targets(dataset)
        self._refuse_missing()
        self._latitude = torch.from_numpy(dataset["latitude"].values.astype(np.float32))
        self._longitude = torch.from_numpy(dataset["longitude"].values.astype(np.float32))
        self._static = {
            name: torch.from_numpy(_copy(read_values(dataset[f"static_{name}"])))
            for name in names.static
        }
        self._workers = workers or Workers(1)
        self._buffers = Buffers(pinned=pinned)
        self._expected: set[int] = set()
        computed = {"surf_insolation": self._insolation} if "insolation" in names.computed else {}
        self._reader = StepReader(dataset, self._keys(), workers=self._workers, computed=computed)
        self._steps = self._kept(cache_bytes, keep_steps)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        window = self.windows[index]
        if isinstance(self._steps, Strips):
            given, wanted = self._steps.take(window.inputs, window.targets)
        else:
            steps = self._steps.take(window.indices)
            given = self._stacked([steps[i] for i in window.inputs], self.names)
            wanted = [self._stacked([hide_filled(steps[i])], self._targets) for i in window.targets]
        targets = (
            self._batch(views, index, self._targets)
            for views, index in zip(wanted, window.targets, strict=True)
        )
        return self._batch(given, window.inputs[-1], self.names), tuple(targets)

    def observed(self, time_index: int) -> Batch:
        """The target batch of one time, whether or not it is one of a window."""
        if isinstance(self._steps, Strips):
            _, [wanted] = self._steps.take((time_index,), (time_index,))
        else:
            step = self._steps.take((time_index,))[time_index]
            wanted = self._stacked([hide_filled(step)], self._targets)
        return self._batch(wanted, time_index, self._targets)

    def expect(self, indices: Sequence[int]) -> None:
        """Have the system begin to fetch the files of these samples that are not in memory.

        May only be called by the thread that takes samples.
        """
        times = dict.fromkeys(time for i in indices for time in self.windows[i].indices)
        for time in times:
            if time not in self._steps and time not in self._expected:
                self._reader.expect(time)
        self._expected = set(times)

    def _kept(self, cache_bytes: int, keep_steps: int) -> Steps | Strips:
        """Steps in a cache, from which samples are copied; or, where too few fit it and windows
        are evenly spaced, strips of which samples are views."""
        needed = {time for window in self.windows for time in window.indices}
        longest = max((len(window.indices) for window in self.windows), default=0)
        enough = len(needed) if keep_steps else longest
        fitting = cache_bytes // max(1, self._reader.step_bytes)
        if fitting >= enough or self._reader.has_masks or not all(map(_is_even, self.windows)):
            return Steps(self._reader, keep_bytes=cache_bytes, keep_steps=keep_steps)
        length = longest + (_MORE_OF_A_RUN if keep_steps else 0)
        return Strips(self._reader, self._buffers, keep_steps=keep_steps, length=length)

    def _stacked(self, steps: Sequence[Step], names: VariableNames) -> Views:
        first, take = steps[0], self._buffers.take
        stacks = {key: take((1, len(steps), *first[key].shape)) for key in _keys_of(names)}
        self._workers.run(
            partial(_fill, stack.numpy(), [step[key] for step in steps])
            for key, stack in stacks.items()
        )
        return stacks

    def _batch(self, stacks: Views, index: int, names: VariableNames) -> Batch:
        return Batch(
            surf_vars={name: stacks[f"surf_{name}"] for name in names.surface},
            static_vars=dict(self._static),
            atmos_vars={name: stacks[f"atmos_{name}"] for name in names.atmospheric},
            metadata=Metadata(
                lat=self._latitude,
                lon=self._longitude,
                time=(self._times[index],),
                atmos_levels=self._levels,
            ),
        )

    def _insolation(self, index: int) -> Values:
        """As the model computes it for its predictions, for any time of the day."""
        naive = self._times[index].replace(tzinfo=None)
        latitude, longitude = self._latitude.numpy(), self._longitude.numpy()
        values: Values = insolation([naive], latitude, longitude, enforce_2d=True)[0]
        return values.astype(np.float32)

    def _keys(self) -> list[str]:
        keys = dict.fromkeys((*_keys_of(self.names), *_keys_of(self._targets)))
        computed = {f"surf_{name}" for name in self.names.computed}
        return [key for key in keys if key not in computed]

    def _refuse_missing(self) -> None:
        keys = [*self._keys(), *(f"static_{name}" for name in self.names.static)]
        missing = [key for key in keys if key not in self._dataset]
        if missing:
            raise DataError(
                f"The data lacks {', '.join(missing)}, which the model needs.",
                remedy="Add files that hold them.",
            )


def collate(samples: Sequence[Sample]) -> Sample:
    """Several samples as one: variables joined along b, times listed, statics shared."""
    inputs, targets = zip(*samples, strict=True)
    return _join(inputs), tuple(_join(step) for step in zip(*targets, strict=True))


def cut(sample: Sample, box: Box) -> Sample:
    """A box of a sample, the same of its inputs and all targets; memory is shared."""
    inputs, targets = sample
    return _cut(inputs, box), tuple(_cut(target, box) for target in targets)


def batch_for(dataset: xr.Dataset, windows: Sequence[Window], names: VariableNames) -> Sample:
    """Input and target batches (b = number of windows) of a few windows, read once."""
    samples = WindowSamples(dataset, windows, names)
    return collate([samples[i] for i in range(len(samples))])


def _join(batches: Sequence[Batch]) -> Batch:
    first = batches[0]
    if len(batches) == 1:
        # Joining would copy it, into fresh memory.
        return first
    return Batch(
        surf_vars={k: torch.cat([b.surf_vars[k] for b in batches]) for k in first.surf_vars},
        static_vars=first.static_vars,
        atmos_vars={k: torch.cat([b.atmos_vars[k] for b in batches]) for k in first.atmos_vars},
        metadata=Metadata(
            lat=first.metadata.lat,
            lon=first.metadata.lon,
            time=tuple(time for batch in batches for time in batch.metadata.time),
            atmos_levels=first.metadata.atmos_levels,
        ),
    )


def _cut(batch: Batch, box: Box) -> Batch:
    def part(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value[..., box.rows, box.columns] for name, value in values.items()}

    metadata = batch.metadata
    return Batch(
        surf_vars=part(batch.surf_vars),
        static_vars=part(batch.static_vars),
        atmos_vars=part(batch.atmos_vars),
        metadata=replace(metadata, lat=metadata.lat[box.rows], lon=metadata.lon[box.columns]),
    )


def _keys_of(names: VariableNames) -> list[str]:
    """Of the fields that change in time."""
    return [*(f"surf_{n}" for n in names.surface), *(f"atmos_{n}" for n in names.atmospheric)]


def _is_even(window: Window) -> bool:
    """Whether a window's times, targets included, lie equally far apart in the data."""
    return len({after - before for before, after in pairwise(window.indices)}) <= 1


def _fill(stack: Values, fields: Sequence[Values]) -> None:
    for position, field in enumerate(fields):
        np.copyto(stack[0, position], field)


def _copy(values: Values) -> Values:
    """Writable memory of its own, as torch wants it."""
    return np.array(values, dtype=np.float32)


def _levels(dataset: xr.Dataset) -> tuple[int | float, ...]:
    levels = dataset["level"].values.tolist() if "level" in dataset.coords else []
    return tuple(int(level) if float(level).is_integer() else float(level) for level in levels)
