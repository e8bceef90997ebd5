"""One training step of every full-size variant at its native resolution, or by how much it fails.

    python benchmarks/gpu_variants.py                  # needs a GPU; writes gpu_variants.json
    python benchmarks/gpu_variants.py --variant small  # one variant; prints instead of writing
    python benchmarks/gpu_variants.py --tiny           # smoke test on a CPU; proves nothing

Weights are random and fields are noise around each variable's mean: memory and time do not depend
on them. Every variant runs in a process of its own, so that none inherits another's memory. The
second step counts, since the first makes the optimiser's state. A variant that does not fit is
measured on half and a quarter of the rows, from which its need is extrapolated.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from random_batches import batches, grid_of
from surroundings import ROOT, device_memory, put, surroundings

from aurora_dash.spec import ModelSpec, OptimiserSpec, RunSpec, TrainingSpec
from aurora_dash.variants import VARIANTS, Variant, get_variant

RESULT = Path(__file__).parent / "results" / "gpu_variants.json"
STEPS = 2
FRACTIONS = (0.5, 0.25)
LIMIT_SECONDS = 1800


def main() -> int:
    """Measure all variants, or one in this process (``--child``)."""
    options = _options()
    if options.child:
        print(json.dumps(measure(get_variant(options.child), options.rows, tiny=options.tiny)))
        return 0
    import torch

    if not options.tiny and not torch.cuda.is_available():
        print("There is no GPU here, and a CPU is not what this measures. Try --tiny.")
        return 2
    chosen = [get_variant(name) for name in options.variant] or list(VARIANTS)
    results = []
    for variant in chosen:
        results.append(measure_apart(variant, tiny=options.tiny))
        print(_line(results[-1]), file=sys.stderr, flush=True)
    document = {**surroundings(), "tiny": options.tiny, "variants": results}
    put(document, options.output or (None if options.tiny or options.variant else RESULT))
    return 0 if all(result["outcome"] != "failed" for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models on small grids, on a CPU")
    parser.add_argument("--variant", action="append", default=[], help="only this one (repeatable)")
    parser.add_argument("--output", type=Path, help="where to write the results")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=float, default=1.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure_apart(variant: Variant, *, tiny: bool) -> dict[str, Any]:
    """`measure` in a process of its own; where memory ends, also on fewer rows."""
    result = _child(variant, 1.0, tiny=tiny)
    if result["outcome"] != "out of memory":
        return result
    parts = [_child(variant, fraction, tiny=tiny) for fraction in FRACTIONS]
    return {**result, "on_fewer_rows": parts, **extrapolate(result, parts)}


def _child(variant: Variant, rows: float, *, tiny: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", variant.id, "--rows", str(rows)]
    try:
        done = subprocess.run(
            [*command, *(["--tiny"] if tiny else [])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"no end after {LIMIT_SECONDS} s"
        return {"variant": variant.id, "outcome": "failed", "reason": reason}
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return {"variant": variant.id, "outcome": "failed", "reason": lines[-1]}


def extrapolate(result: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What the whole grid would take if memory grows linearly with the grid, as it does here.

    Without two parts that fit there is only the lower bound that the failed allocation gives.
    """
    fitting = [part for part in parts if part["outcome"] == "fits"]
    if len(fitting) < 2:
        return {}
    (more, less) = fitting
    points = [part["grid"][0] * part["grid"][1] for part in (more, less)]
    slope = (more["peak_memory_bytes"] - less["peak_memory_bytes"]) / (points[0] - points[1])
    whole = result["grid"][0] * result["grid"][1]
    need = int(more["peak_memory_bytes"] + slope * (whole - points[0]))
    short = need - result["device_memory_bytes"]
    return {"extrapolated_need_bytes": need, "extrapolated_short_by_bytes": short}


def measure(variant: Variant, rows: float, *, tiny: bool) -> dict[str, Any]:
    """Two training steps in this process: peak memory, seconds of the second, loss, gradient."""
    import torch

    from aurora_dash.model.build import build_model
    from aurora_dash.training.step import TrainingStep

    spec = _spec(variant, tiny=tiny)
    device = torch.device("cpu" if tiny else "cuda:0")
    inputs, target = batches(spec, grid_of(variant, rows, tiny=tiny))
    built = build_model(spec)
    known: dict[str, Any] = {
        "variant": variant.id,
        "parameters": built.num_parameters,
        "grid": list(inputs.spatial_shape),
        "levels": len(inputs.metadata.atmos_levels),
        "settings": spec.model.model_dump(mode="json", exclude_defaults=True),
        "device_memory_bytes": device_memory(device),
    }
    try:
        built.module.to(device)
        step = TrainingStep(built, spec, device, STEPS)
        for number in range(STEPS):
            _wait_for(device)
            start = time.perf_counter()
            record = step(number, [(inputs, (target,))])
            _wait_for(device)
            seconds = time.perf_counter() - start
    except torch.OutOfMemoryError as error:
        lower = torch.cuda.max_memory_allocated() + _requested(str(error))
        return known | {
            "outcome": "out of memory",
            "reason": str(error).splitlines()[0],
            "need_at_least_bytes": lower,
            "short_by_at_least_bytes": max(0, lower - known["device_memory_bytes"]),
        }
    return known | {
        "outcome": "fits",
        "peak_memory_bytes": _peak(device),
        "seconds_per_step": seconds,
        "loss": record["loss"],
        "grad_norm": record["grad_norm"],
    }


def _spec(variant: Variant, *, tiny: bool) -> RunSpec:
    return RunSpec(
        model=ModelSpec(
            variant=variant.id,
            size="tiny" if tiny else "full",
            autocast=True,
            activation_checkpointing=True,
        ),
        optimiser=OptimiserSpec(lr=1e-5),
        training=TrainingSpec(steps=STEPS, device="cpu" if tiny else "cuda:0"),
    )


def _requested(message: str) -> int:
    """Bytes that the failed allocation asked for, from ``Tried to allocate 6.00 GiB``."""
    words = message.partition("Tried to allocate ")[2].split()
    units = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    try:
        return int(float(words[0]) * units[words[1].rstrip(".")])
    except (IndexError, KeyError, ValueError):
        return 0


def _wait_for(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _peak(device: Any) -> int:
    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _line(result: dict[str, Any]) -> str:
    """One line of progress."""
    if result["outcome"] == "fits":
        peak = result["peak_memory_bytes"] / 2**30
        return f"{result['variant']}: {peak:.1f} GiB, {result['seconds_per_step']:.2f} s a step"
    if result["outcome"] == "failed":
        return f"{result['variant']}: failed: {result['reason']}"
    short = result.get("extrapolated_short_by_bytes", result["short_by_at_least_bytes"]) / 2**30
    return f"{result['variant']}: does not fit, short by about {short:.1f} GiB"


if __name__ == "__main__":
    sys.exit(main())
