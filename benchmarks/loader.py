"""How fast samples reach the model, against other ways to read the same fields.

    python benchmarks/loader.py          # demo and 0.25 degree size; writes results/loader.json
    python benchmarks/loader.py --tiny   # the demo size alone; prints instead of writing

Fields are generated and written as NetCDF (zlib, a chunk a field, as the Climate Data Store
delivers them), as plain bytes, and as a training store. All ways are measured in turns, several
rounds in one run, because a machine with other work on it changes from minute to minute; what
counts are the ratios. Cold means that the files were dropped from the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from generated_weather import LEVELS, generated
from gpu_variants import surroundings

from aurora_dash.data.batches import WindowSamples
from aurora_dash.data.open import OpenedData
from aurora_dash.data.source import open_data
from aurora_dash.data.store.prepare import prepare
from aurora_dash.data.windows import Window, make_windows
from aurora_dash.spec import DataSpec, LoaderSpec, ModelSpec, RunSpec
from aurora_dash.training.loader import TrainingBatches
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.reading import samples_of

RESULT = Path(__file__).parent / "results" / "loader.json"
SIZES = {
    "demo": {"height": 32, "width": 64, "levels": (1000.0, 850.0, 500.0, 250.0), "times": 60},
    "0.25 degrees": {"height": 720, "width": 1440, "levels": LEVELS, "times": 10},
}
# Of a training step whose data is waited for: a tiny model on a CPU, the full one on a GPU.
ASSUMED_STEP_SECONDS = {"demo": 0.1, "0.25 degrees": 1.0}
ROUNDS = {"demo": 5, "0.25 degrees": 3}
NETCDF_SAMPLES = {"demo": 20, "0.25 degrees": 1}
WORKERS = 2


def main() -> int:
    """Measure both sizes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="the demo size alone; prints")
    parser.add_argument("--folder", help="where files are written; default: temporary files'")
    options = parser.parse_args()
    results = {}
    load = [round(os.getloadavg()[0], 2)]
    for name in ["demo"] if options.tiny else list(SIZES):
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="loader-") as folder:
            results[name] = measure(name, Path(folder))
            print(name, json.dumps(results[name]["ratios"]), file=sys.stderr, flush=True)
    load.append(round(os.getloadavg()[0], 2))
    counts = {"threads": os.cpu_count(), "workers": WORKERS, "load": load}
    document = {**surroundings(), **counts, "sizes": results}
    text = json.dumps(document, indent=2) + "\n"
    if options.tiny:
        print(text)
        return 0
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return 0


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Seconds a sample of every way, by round, and what follows from them."""
    files = _Files(folder, SIZES[name])
    ways: dict[str, Callable[[], float]] = {
        "netcdf_dataloader": lambda: files.netcdf(NETCDF_SAMPLES[name]),
        "in_memory": files.in_memory,
        "raw_fields_cold": lambda: files.raw(files.plain, cold=True),
        "raw_store_files_cold": lambda: files.raw(files.chunks, cold=True),
        "store_blocks_cold": lambda: files.ours(shuffle=False, cold=True),
        "raw_fields_warm": lambda: files.raw(files.plain, cold=False),
        "store_blocks_warm": lambda: files.ours(shuffle=False, cold=False),
        "store_shuffled_warm": lambda: files.ours(shuffle=True, cold=False),
    }
    rounds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS[name]):
        for way, run in ways.items():
            rounds[way].append(run())
        print(name, f"round {number + 1}", {w: round(t[-1], 4) for w, t in rounds.items()},
              file=sys.stderr, flush=True)  # fmt: skip
    step = ASSUMED_STEP_SECONDS[name]
    waits = files.waits(step)
    return {
        "sample_bytes": 3 * files.step_bytes,
        "new_bytes_a_sample_in_blocks": files.step_bytes * files.num_times // files.num_samples,
        "stored_fraction": round(files.stored_bytes / files.step_bytes / files.num_times, 3),
        "seconds_a_sample": {w: _figures(t) for w, t in rounds.items()},
        "megabytes_a_second": {
            w: round(3 * files.step_bytes / statistics.median(t) / 1e6, 1)
            for w, t in rounds.items()
        },
        "ratios": {
            "of_raw_field_bandwidth_cold": _ratio(rounds, "raw_fields_cold", "store_blocks_cold"),
            "of_raw_store_file_bandwidth_cold": _ratio(
                rounds, "raw_store_files_cold", "store_blocks_cold"
            ),
            "of_raw_field_bandwidth_warm": _ratio(rounds, "raw_fields_warm", "store_blocks_warm"),
            "times_netcdf_blocks": _ratio(rounds, "netcdf_dataloader", "store_blocks_warm"),
            "times_netcdf_blocks_cold": _ratio(rounds, "netcdf_dataloader", "store_blocks_cold"),
            "times_netcdf_shuffled": _ratio(rounds, "netcdf_dataloader", "store_shuffled_warm"),
        },
        "waiting": {
            "assumed_step_seconds": step,
            "steps": len(waits),
            "median_wait_seconds": round(statistics.median(waits), 5),
            "longest_wait_seconds": round(max(waits), 5),
        },
    }


class _Files:
    """The same fields three times on disk."""

    def __init__(self, folder: Path, size: dict[str, Any]) -> None:
        dataset = generated(
            size["times"], height=size["height"], width=size["width"], levels=size["levels"]
        )
        self.num_times = size["times"]
        self._names = list(dataset.data_vars)
        self._netcdf = _write_netcdf(dataset, folder)
        self.plain = _write_plain(dataset, folder / "plain")
        store = folder / "store"
        # Without memory for more than a neighbourhood, as of a data set too large for it.
        loader = LoaderSpec(shuffle="blocks", workers=WORKERS, prefetch=2, cache_megabytes=0)
        self._spec = RunSpec(
            model=ModelSpec(variant="0.25-pretrained"),
            data=DataSpec(source="files", paths=(str(store),)),
            loader=loader,
        )
        prepare(OpenedData(dataset=dataset), self._spec, store)
        self._store = open_data(self._spec.data, self._spec.model.catalogue_entry).dataset
        self._windows: Sequence[Window] = make_windows(
            dataset["time"].values, history_hours=6, lead_hours=6
        )
        self.num_samples = len(self._windows)
        self.chunks = sorted(
            path for path in store.glob("*_*/c.*") if not path.parent.name.startswith("static")
        )
        self.stored_bytes = sum(path.stat().st_size for path in self.chunks)
        self.step_bytes = sum(path.stat().st_size for path in self.plain) // self.num_times
        self._buffer = bytearray(max(p.stat().st_size for p in [*self.plain, *self.chunks]))
        os.sync()
        # A run takes its memory once, in its first steps; that is not what is measured here.
        self._samples = {shuffle: self._samples_of(shuffle) for shuffle in (False, True)}
        for shuffle in (False, True):
            self.ours(shuffle=shuffle, cold=False)
        ahead = self._samples[False]
        self._held = [ahead[index] for index in range(min(2, self.num_samples))]

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
        begin = time.perf_counter()
        for path in files:
            with path.open("rb", buffering=0) as file:
                file.readinto(memoryview(self._buffer)[: path.stat().st_size])
        return (time.perf_counter() - begin) / self.num_samples

    def ours(self, *, shuffle: bool, cold: bool) -> float:
        """The loader as a run has it: all samples once."""
        if cold:
            _drop(self.chunks)
        with self._loader(shuffle=shuffle) as batches:
            begin = time.perf_counter()
            for step in range(self.num_samples):
                batches.take(step)
            return (time.perf_counter() - begin) / self.num_samples

    def waits(self, step_seconds: float) -> list[float]:
        """What each step but the first waits, if a step takes that long elsewhere."""
        _drop(self.chunks)
        waits = []
        with self._loader(shuffle=False) as batches:
            for step in range(min(20, self.num_samples)):
                begin = time.perf_counter()
                held = batches.take(step)
                waits.append(time.perf_counter() - begin)
                time.sleep(step_seconds)
                del held
        return waits[1:]

    def _loader(self, *, shuffle: bool) -> TrainingBatches:
        block = None if shuffle else self.num_samples
        order = BatchOrder(self.num_samples, 1, 0, block=block)
        prefetch = self._spec.loader.prefetch
        return TrainingBatches(self._samples[shuffle], order, prefetch=prefetch)

    def _samples_of(self, shuffle: bool) -> WindowSamples:
        """Those of a run in block-shuffled or in any order."""
        loader = self._spec.loader.replace(shuffle="full" if shuffle else "blocks")
        spec = self._spec.replace(loader=loader)
        return samples_of(spec, self._store, self._windows)


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


def _figures(seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "median": round(statistics.median(seconds), 6),
        "rounds": [round(value, 6) for value in seconds],
    }


def _ratio(rounds: dict[str, list[float]], slow: str, fast: str) -> float:
    """The median over rounds of how many times faster the second is."""
    pairs = zip(rounds[slow], rounds[fast], strict=True)
    return round(statistics.median(a / b for a, b in pairs), 3)


if __name__ == "__main__":
    if shutil.disk_usage(tempfile.gettempdir()).free < 10e9:
        sys.exit("At least 10 GB must be free for the files that are measured.")
    sys.exit(main())
