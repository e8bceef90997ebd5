"""The files that ``loader.py`` measures, and each way to read them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from generated_weather import generated

from aurora_dash.data.batches import WindowSamples
from aurora_dash.data.open import OpenedData
from aurora_dash.data.source import open_data
from aurora_dash.data.store.codec import Codec
from aurora_dash.data.store.prepare import prepare
from aurora_dash.data.windows import Window, make_windows
from aurora_dash.spec import DataSpec, LoaderSpec, ModelSpec, RunSpec
from aurora_dash.training.loader import TrainingBatches
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.reading import samples_of

WORKERS = 2


class Files:
    """The same fields on disk as NetCDF, as plain bytes, and as a store of each codec."""

    def __init__(self, folder: Path, size: dict[str, Any]) -> None:
        dataset = generated(
            size["times"], height=size["height"], width=size["width"], levels=size["levels"]
        )
        self.num_times = size["times"]
        self._netcdf = _write_netcdf(dataset, folder)
        self.plain = _write_plain(dataset, folder / "plain")
        self._windows: Sequence[Window] = make_windows(
            dataset["time"].values, history_hours=6, lead_hours=6
        )
        self.num_samples = len(self._windows)
        self.packed = Stored(dataset, folder / "store", self._windows, "lz4")
        self.unpacked = Stored(dataset, folder / "uncompressed", self._windows, "none")
        self.step_bytes = sum(path.stat().st_size for path in self.plain) // self.num_times
        files = [*self.plain, *self.packed.chunks, *self.unpacked.chunks]
        self._buffer = bytearray(max(path.stat().st_size for path in files))
        os.sync()
        self.packed.settle()
        self.unpacked.settle()
        self._held = self.packed.first_samples()

    def netcdf(self, num: int) -> float:
        """Plain xarray in a `DataLoader`, shuffled, warm: unpacking takes its time, not reading."""
        with xr.open_mfdataset(self._netcdf, chunks=None, engine="netcdf4") as dataset:
            samples = _NetcdfSamples(dataset, self._windows)
            loader = torch.utils.data.DataLoader(samples, batch_size=None, shuffle=True)
            begin = time.perf_counter()
            for count, _ in enumerate(loader, start=1):
                if count == num:
                    break
            return (time.perf_counter() - begin) / num

    def in_memory(self) -> float:
        """Batches that were made before."""
        rounds = 100
        begin = time.perf_counter()
        for _ in range(rounds):
            for inputs, _targets in self._held:
                next(iter(inputs.surf_vars.values())).view(-1)[0].item()
        return (time.perf_counter() - begin) / rounds / len(self._held)

    def raw(self, files: Sequence[Path], *, cold: bool) -> float:
        """All of some files once into the same memory; seconds a sample."""
        if cold:
            _drop(files)
        memory = memoryview(self._buffer)
        begin = time.perf_counter()
        for path in files:
            # As bare as it can be: no file objects, and no look at the size first.
            descriptor = os.open(path, os.O_RDONLY)
            done = 0
            while count := os.readv(descriptor, [memory[done:]]):
                done += count
                if done == len(memory):
                    break
            os.close(descriptor)
        return (time.perf_counter() - begin) / self.num_samples


class Stored:
    """A training store of a codec, read as a run reads it."""

    def __init__(
        self, dataset: xr.Dataset, folder: Path, windows: Sequence[Window], codec: Codec
    ) -> None:
        # Without memory for more than a neighbourhood, as of a data set too large for it.
        loader = LoaderSpec(shuffle="blocks", workers=WORKERS, prefetch=2, cache_megabytes=0)
        self._spec = RunSpec(
            model=ModelSpec(variant="0.25-pretrained"),
            data=DataSpec(source="files", paths=(str(folder),)),
            loader=loader,
        )
        prepare(OpenedData(dataset=dataset), self._spec, folder, codec=codec)
        self._dataset = open_data(self._spec.data, self._spec.model.catalogue_entry).dataset
        self._windows = windows
        self._num_samples = len(windows)
        self.chunks = sorted(
            path for path in folder.glob("*_*/c.*") if not path.parent.name.startswith("static")
        )
        self.num_bytes = sum(path.stat().st_size for path in self.chunks)
        self._samples = {shuffle: self._samples_of(shuffle=shuffle) for shuffle in (False, True)}

    def settle(self) -> None:
        """A run takes its memory once, in its first steps; that is not what is measured here."""
        for shuffle in (False, True):
            self.read(shuffle=shuffle, cold=False)

    def first_samples(self) -> list[Any]:
        """Two samples in memory."""
        samples = self._samples[False]
        return [samples[index] for index in range(min(2, self._num_samples))]

    def read(self, *, shuffle: bool, cold: bool) -> float:
        """The loader as a run has it: all samples once; seconds a sample."""
        if cold:
            _drop(self.chunks)
        with self._loader(shuffle=shuffle) as batches:
            begin = time.perf_counter()
            for step in range(self._num_samples):
                batches.take(step)
            return (time.perf_counter() - begin) / self._num_samples

    def waits(self, step_seconds: float) -> list[float]:
        """What each step but the first waits, if a step takes that long elsewhere."""
        _drop(self.chunks)
        waits = []
        with self._loader(shuffle=False) as batches:
            for step in range(min(20, self._num_samples)):
                begin = time.perf_counter()
                held = batches.take(step)
                waits.append(time.perf_counter() - begin)
                time.sleep(step_seconds)
                del held
        return waits[1:]

    def _loader(self, *, shuffle: bool) -> TrainingBatches:
        block = None if shuffle else self._num_samples
        order = BatchOrder(self._num_samples, 1, 0, block=block)
        prefetch = self._spec.loader.prefetch
        return TrainingBatches(self._samples[shuffle], order, prefetch=prefetch)

    def _samples_of(self, *, shuffle: bool) -> WindowSamples:
        """Those of a run in block-shuffled or in any order."""
        loader = self._spec.loader.replace(shuffle="full" if shuffle else "blocks")
        return samples_of(self._spec.replace(loader=loader), self._dataset, self._windows)


class _NetcdfSamples(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """What one writes first: each sample's times out of the open files."""

    def __init__(self, dataset: xr.Dataset, windows: Sequence[Window]) -> None:
        self._dataset, self._windows = dataset, windows
        self._moving = [key for key in dataset.data_vars if "time" in dataset[key].dims]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        times = list(self._windows[index].indices)
        return {
            str(key): torch.from_numpy(self._dataset[key].isel(time=times).values)
            for key in self._moving
        }


def _write_netcdf(dataset: xr.Dataset, folder: Path) -> list[Path]:
    paths = []
    for prefix in ("surf_", "atmos_"):
        part = dataset[[key for key in dataset.data_vars if str(key).startswith(prefix)]]
        encoding = {
            key: {
                "zlib": True, "complevel": 1, "shuffle": True,
                "chunksizes": (*[1] * (part[key].ndim - 2), *part[key].shape[-2:]),
            }
            for key in part.data_vars
        }  # fmt: skip
        path = folder / f"{prefix}.nc"
        part.to_netcdf(path, engine="netcdf4", encoding=encoding)
        paths.append(path)
    return paths


def _write_plain(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """A file a time with the bytes of all its fields."""
    folder.mkdir()
    moving = [key for key in dataset.data_vars if "time" in dataset[key].dims]
    paths = []
    for index in range(dataset.sizes["time"]):
        path = folder / f"{index:04d}.bin"
        with path.open("wb") as file:
            for key in moving:
                values = dataset[key].isel(time=index).values
                file.write(np.ascontiguousarray(values).data)
        paths.append(path)
    return paths


def _drop(files: Iterable[Path]) -> None:
    """Have the system forget what it keeps of some files, which are on the disk already."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
