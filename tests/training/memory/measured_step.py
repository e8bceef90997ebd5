"""Run as a process: takes real steps of a spec on the CPU and prints the bytes that they took.

The kernel's own high-water mark of resident memory, reset once the first step has made the
optimiser's states, less what was resident before there was a model.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from aurora_dash.model.build import build_model
from aurora_dash.spec import RunSpec
from aurora_dash.training.step import TrainingStep


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _steps(spec: RunSpec, sample: Any) -> Callable[[], object]:
    """Takes the first step, which makes the optimiser's states, and returns what takes the next."""
    built = build_model(spec)
    step = TrainingStep(built, spec, torch.device("cpu"), 2)
    inputs, target = sample
    step(0, [(inputs, (target,))])
    return lambda: step(1, [(inputs, (target,))])


def main() -> None:
    """Two steps; the second counts."""
    sys.path.insert(0, os.environ["BENCHMARKS"])
    from random_batches import batches, grid_of_size

    asked = json.load(sys.stdin)
    torch.set_num_threads(1)
    spec = RunSpec.build(asked["spec"])
    levels = tuple(asked["levels"])
    # What the libraries keep for themselves is there once a small step has been taken.
    small = RunSpec()
    _steps(small, batches(small, grid_of_size(16, 32), levels))()
    gc.collect()
    before = _status("VmRSS")
    grid = grid_of_size(asked["height"], asked["width"], 180 / asked["width"])
    again = _steps(spec, batches(spec, grid, levels))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    again()
    sys.stdout.write(json.dumps({"peak_bytes": _status("VmHWM") - before}) + "\n")


if __name__ == "__main__":
    main()
