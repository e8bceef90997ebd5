"""How fast samples reach the model, against other ways to read the same fields.

    python benchmarks/loader.py          # demo and 0.25 degree size; writes results/loader.json
    python benchmarks/loader.py --tiny   # the demo size alone; prints instead of writing

Fields are generated and written as NetCDF (zlib, a chunk a field, as the Climate Data Store
delivers them), as plain bytes, and as training stores, compressed and not. All ways are measured in
turns, several rounds in one run, because a machine with other work on it changes from minute to
minute; what counts are the ratios. Cold means that the files were dropped from the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from generated_weather import LEVELS
from loader_files import WORKERS, Files, Stored
from surroundings import put, surroundings

RESULT = Path(__file__).parent / "results" / "loader.json"
SIZES = {
    "demo": {"height": 32, "width": 64, "levels": (1000.0, 850.0, 500.0, 250.0), "times": 60},
    "0.25 degrees": {"height": 720, "width": 1440, "levels": LEVELS, "times": 10},
}
# Of a training step whose data is waited for: a tiny model on a CPU, the full one on a GPU.
ASSUMED_STEP_SECONDS = {"demo": 0.1, "0.25 degrees": 1.0}
ROUNDS = {"demo": 15, "0.25 degrees": 3}
NETCDF_SAMPLES = {"demo": 20, "0.25 degrees": 1}
_NEEDED_BYTES = 14e9


def main() -> int:
    """Measure both sizes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="the demo size alone; prints")
    parser.add_argument("--folder", help="where files are written; default: temporary files'")
    options = parser.parse_args()
    if not options.tiny:
        _require_room(options.folder or tempfile.gettempdir())
    results = {}
    load = [round(os.getloadavg()[0], 2)]
    for name in ["demo"] if options.tiny else list(SIZES):
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="loader-") as folder:
            results[name] = measure(name, Path(folder))
            print(name, json.dumps(results[name]["ratios"]), file=sys.stderr, flush=True)
    load.append(round(os.getloadavg()[0], 2))
    counts = {"threads": os.cpu_count(), "workers": WORKERS, "load": load}
    document = {**surroundings(), **counts, "sizes": results}
    put(document, None if options.tiny else RESULT)
    return 0


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Seconds a sample of every way, by round, and what follows from them."""
    files = Files(folder, SIZES[name])
    ways = _ways(files, NETCDF_SAMPLES[name])
    rounds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS[name]):
        for way, run in ways.items():
            rounds[way].append(run())
        print(name, f"round {number + 1}", {w: round(t[-1], 4) for w, t in rounds.items()},
              file=sys.stderr, flush=True)  # fmt: skip
    step = ASSUMED_STEP_SECONDS[name]
    waits = files.packed.waits(step)
    return {
        "sample_bytes": 3 * files.step_bytes,
        "new_bytes_a_sample_in_blocks": files.step_bytes * files.num_times // files.num_samples,
        "stored_fraction": round(files.packed.num_bytes / files.step_bytes / files.num_times, 3),
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
            "of_raw_uncompressed_file_bandwidth_cold": _ratio(
                rounds, "raw_uncompressed_files_cold", "uncompressed_blocks_cold"
            ),
            "uncompressed_times_compressed_cold": _ratio(
                rounds, "store_blocks_cold", "uncompressed_blocks_cold"
            ),
            "uncompressed_times_compressed_warm": _ratio(
                rounds, "store_blocks_warm", "uncompressed_blocks_warm"
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


def _ways(files: Files, netcdf_samples: int) -> dict[str, Callable[[], float]]:
    """What is measured, in this order in every round; each gives seconds a sample.

    What is compared with each other comes one after the other.
    """
    return {
        "netcdf_dataloader": lambda: files.netcdf(netcdf_samples),
        "in_memory": files.in_memory,
        "raw_fields_cold": lambda: files.raw(files.plain, cold=True),
        **_ways_of(files, files.packed, "raw_store_files", "store"),
        **_ways_of(files, files.unpacked, "raw_uncompressed_files", "uncompressed"),
        "raw_fields_warm": lambda: files.raw(files.plain, cold=False),
        "store_shuffled_warm": lambda: files.packed.read(shuffle=True, cold=False),
    }


def _ways_of(files: Files, store: Stored, raw: str, name: str) -> dict[str, Callable[[], float]]:
    return {
        f"{raw}_cold": lambda: files.raw(store.chunks, cold=True),
        f"{name}_blocks_cold": lambda: store.read(shuffle=False, cold=True),
        f"{name}_blocks_warm": lambda: store.read(shuffle=False, cold=False),
    }


def _figures(seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "median": round(statistics.median(seconds), 6),
        "rounds": [round(value, 6) for value in seconds],
    }


def _ratio(rounds: dict[str, list[float]], slow: str, fast: str) -> float:
    """The median over rounds of how many times faster the second is."""
    pairs = zip(rounds[slow], rounds[fast], strict=True)
    return round(statistics.median(a / b for a, b in pairs), 3)


def _require_room(folder: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        sys.exit(
            f"{folder} has {free / 1e9:.1f} GB free; the files that are measured take "
            f"{_NEEDED_BYTES / 1e9:.0f} GB. Name another place with --folder."
        )


if __name__ == "__main__":
    sys.exit(main())
