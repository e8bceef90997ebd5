"""Twenty gigabytes of generated weather into a training store, in how much memory and time.

    python benchmarks/prepare.py                 # 20 GB; writes results/prepare.json
    python benchmarks/prepare.py --gigabytes 1   # smaller; prints instead of writing

The pass runs in a process of its own, whose peak memory the system counts. The store is removed
afterwards; a third of the volume must be free on the disk that --folder names.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from generated_weather import LEVELS, field, generated
from surroundings import put, surroundings

RESULT = Path(__file__).parent / "results" / "prepare.json"
FULL_GIGABYTES = 20.0
GIGABYTE = 1e9
_CHECKED = (("surf_msl", "msl", None), ("atmos_q", "q", 12), ("atmos_z", "z", 5))


def main() -> int:
    """Measure, or be the process that is measured (``--child``)."""
    options = _options()
    num_times, shape = _size(options)
    if options.child:
        print(json.dumps(measure(Path(options.child), num_times, shape)))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="prepare-") as folder:
        command = [sys.executable, __file__, "--child", folder, "--gigabytes", options.gigabytes]
        command += ["--tiny"] if options.tiny else []
        done = subprocess.run(
            [str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True
        )
    document = {**surroundings(), **json.loads(done.stdout)}
    if options.gigabytes < FULL_GIGABYTES or options.tiny:
        put(document, None)
        return 0
    put(document, RESULT)
    print(f"{RESULT} written", file=sys.stderr)
    return 0


def measure(folder: Path, num_times: int, shape: tuple[int, int]) -> dict[str, Any]:
    """Prepare, look for changes again, verify; compare some statistics with float64."""
    from aurora_dash.data.open import OpenedData
    from aurora_dash.data.store.moments import all_statistics
    from aurora_dash.data.store.prepare import prepare
    from aurora_dash.data.store.store import open_store
    from aurora_dash.spec import ModelSpec, RunSpec

    spec = RunSpec(model=ModelSpec(variant="0.25-pretrained"))
    opened = OpenedData(dataset=generated(num_times, height=shape[0], width=shape[1]))
    store = folder / "store"
    generating = _generating_seconds(shape)
    begin = time.perf_counter()
    prepare(opened, spec, store, progress=lambda p: print(p, file=sys.stderr, flush=True))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    begin = time.perf_counter()
    again = prepare(opened, spec, store)
    nothing_to_do = time.perf_counter() - begin
    whole = open_store(store)
    begin = time.perf_counter()
    stored = whole.verify()
    verifying = time.perf_counter() - begin
    field_bytes = whole.layout.step_bytes() * num_times
    return {
        "grid": list(shape),
        "levels": len(LEVELS),
        "times": num_times,
        "field_bytes": field_bytes,
        "stored_bytes": stored,
        "free_disk_bytes": shutil.disk_usage(folder).free,
        "seconds": round(seconds, 2),
        "field_megabytes_per_second": round(field_bytes / seconds / 1e6, 1),
        "seconds_of_them_generating": round(generating * num_times, 2),
        "peak_memory_bytes": peak,
        "nothing_to_do_seconds": round(nothing_to_do, 2),
        "written_again": again.num_written,
        "verify_seconds": round(verifying, 2),
        "largest_error_of_statistics": _largest_error(all_statistics(whole), num_times, shape),
    }


def _generating_seconds(shape: tuple[int, int]) -> float:
    """What making one step takes: it is not the store's doing."""
    begin = time.perf_counter()
    for name in ("2t", "10u", "10v", "msl"):
        field(name, 1, shape)
    for name in ("z", "u", "v", "t", "q"):
        field(name, 1, (len(LEVELS), *shape))
    return time.perf_counter() - begin


def _largest_error(found: dict[str, Any], num_times: int, shape: tuple[int, int]) -> float:
    """Relative, of means and standard deviations, against two passes in float64."""
    worst = 0.0
    for _, name, level in _CHECKED:
        step = shape if level is None else (len(LEVELS), *shape)
        parts = (field(name, index, step) for index in range(num_times))
        layers = [part if level is None else part[level].copy() for part in parts]
        mean = sum(float(layer.mean(dtype=np.float64)) for layer in layers) / len(layers)
        square = [float(((layer.astype(np.float64) - mean) ** 2).mean()) for layer in layers]
        std = float(np.sqrt(sum(square) / len(square)))
        moments = found[name if level is None else f"{name}_{LEVELS[level]:g}"]
        worst = max(worst, abs(moments.mean / mean - 1), abs(moments.std / std - 1))
    return worst


def _size(options: argparse.Namespace) -> tuple[int, tuple[int, int]]:
    shape = (32, 64) if options.tiny else (721, 1440)
    step = 4 * shape[0] * shape[1] * (4 + 5 * len(LEVELS))
    return max(3, round(options.gigabytes * GIGABYTE / step + 0.5)), shape


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=FULL_GIGABYTES)
    parser.add_argument("--folder", help="where the store is written; default: temporary files'")
    parser.add_argument("--tiny", action="store_true", help="a tiny grid, to try the script")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
