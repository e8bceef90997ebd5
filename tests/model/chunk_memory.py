"""Prints by how many MiB passes of a small model with 13 levels raise a process's memory, as JSON.

``python -m tests.model.chunk_memory CHUNKS ...``: in a process of its own, whose allocator gives
large blocks back at once (``MALLOC_MMAP_THRESHOLD_``), so that the kernel's peak is the model's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from aurora import Batch

from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.source import open_data
from aurora_dash.model.build import build_model
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.spec import RunSpec
from aurora_dash.training.plan import split_of
from aurora_dash.variants import PRESSURE_LEVELS


def main(*chunks: str) -> None:
    """Print ``[{"predict": MiB, "train": MiB}, ...]``, one for each number of chunks."""
    torch.set_num_threads(1)
    demo = {"height": 64, "width": 128, "levels": list(PRESSURE_LEVELS), "num_times": 6}
    spec = RunSpec.build(
        {
            "model": {"size": "small", "activation_checkpointing": True},
            "data": {"demo": demo},
            # Gradients of all weights would be more than what is looked for.
            "trainable": {"parts": "lora"},
        }
    )
    dataset = open_data(spec.data, spec.model.catalogue_entry).dataset
    windows = split_of(spec, dataset).train[:1]
    inputs, _ = WindowSamples(dataset, windows, VariableNames.of(spec))[0]
    found = []
    for number in chunks:
        model = spec.model.replace(chunks=json.loads(number))
        module = build_model(spec.replace(model=model)).module
        found.append({what: _rise(module, inputs, what == "train") for what in PASSES})
        del module
    sys.stdout.write(json.dumps(found) + "\n")


PASSES = ("predict", "train")


def _rise(module: OwnStatistics, inputs: Batch, with_gradient: bool) -> float:
    # Writing 5 lets the kernel count the peak from here on.
    Path("/proc/self/clear_refs").write_text("5")
    before = _kib("VmRSS")
    with torch.set_grad_enabled(with_gradient):
        prediction = module.predict_normalised(inputs)
        if with_gradient:
            fields = (*prediction.surf_vars.values(), *prediction.atmos_vars.values())
            torch.autograd.backward(sum(field.square().mean() for field in fields))
    return round((_kib("VmHWM") - before) / 1024, 1)


def _kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
