"""Training steps of the full model at 0.25 degree: time, speed, memory against its estimate.

    python benchmarks/gpu_training.py --folder results   # needs a GPU; some 8 minutes on an H100
    python benchmarks/gpu_training.py --case chunked     # one case (repeatable); prints
    python benchmarks/gpu_training.py --tiny             # smoke test on a CPU; proves nothing

Weights are random and fields are noise: memory and time do not depend on them. Every case takes
its steps in a process of its own, on the same batch. ``package`` is the package's own documented
loop (default checkpointing, backbone in bfloat16, fused AdamW), against which the others count.

The results are written after every case, so that one that was cut short has those before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from random_batches import batches, grid_of
from surroundings import ROOT, device_memory, put, surroundings

from aurora_dash.errors import AuroraDashError
from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.ask import estimate
from aurora_dash.training.memory.question import Question, Shape

NAME = "gpu_training.json"
VARIANT = "0.25-pretrained"
WARM_UP, STEPS = 2, 4
LIMIT_SECONDS = 150
ESTIMATES_AT_ONCE = 8
PACKAGE = "package"

_DOCUMENTED = ("model.autocast=true", "model.activation_checkpointing=true")
_CHUNKED = (*_DOCUMENTED, "model.checkpointed_layers=stages+blocks", "model.chunks=8")
_FROZEN = ("trainable.parts=groups", 'trainable.groups=["encoder", "decoder"]')
CASES: Mapping[str, tuple[str, ...]] = {
    PACKAGE: _DOCUMENTED,
    "full": _DOCUMENTED,
    "full, chunked": _CHUNKED,
    "LoRA": (*_DOCUMENTED, "trainable.parts=lora"),
    "LoRA, chunked": (*_CHUNKED, "trainable.parts=lora"),
    "backbone frozen": (*_DOCUMENTED, *_FROZEN),
    "backbone frozen, chunked": (*_CHUNKED, *_FROZEN),
}
"""What each case sets."""
_NOTHING_AGAIN = (
    *("model.chunks=off", "model.checkpointed_layers=default"),
    "model.activation_checkpointing=false",
)
_CHUNKS = ", chunked"

# Dense bfloat16 without sparsity, from NVIDIA's data sheets.
PEAK_FLOPS = {
    **{"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12},
    **{"L40S": 362e12, "4090": 165e12},
}


def main() -> int:
    """Measure all cases, or one in this process (``--child``)."""
    options = _options()
    if options.child:
        print(json.dumps(measure(options.child, tiny=options.tiny)))
        return 0
    import torch

    if not options.tiny and not torch.cuda.is_available():
        print("There is no GPU here, and a CPU is not what this measures. Try --tiny.")
        return 2
    names = options.case or list(CASES)
    estimates = _estimates(names, tiny=options.tiny)
    document = {**surroundings(), "tiny": options.tiny, "cases": []}
    for name in names:
        case = {**_child(name, tiny=options.tiny), "estimate": estimates[name]}
        document["cases"] = compared([*document["cases"], case])
        print(_line(case), file=sys.stderr, flush=True)
        if options.folder is not None:
            put(document, options.folder / NAME)
    if options.folder is None:
        put(document, None)
    return 0 if all(case["outcome"] == "measured" for case in document["cases"]) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models on small grids, on a CPU")
    parser.add_argument("--case", action="append", choices=CASES, help="only this (repeatable)")
    parser.add_argument("--folder", type=Path, help=f"where to write {NAME}")
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    return parser.parse_args()


def spec_of(name: str, *, tiny: bool) -> RunSpec:
    """The run of a case."""
    size, device = ("tiny", "cpu") if tiny else ("full", "cuda:0")
    base = [f"model.variant={VARIANT}", f"model.size={size}", f"training.device={device}"]
    return RunSpec().with_overrides([*base, "optimiser.lr=1e-5", *CASES[name]])


def _estimates(names: list[str], *, tiny: bool) -> dict[str, dict[str, Any]]:
    """What `aurora-dash estimate` says of each case, several at once.

    With `model_flops` of the same step where everything is kept: fake tensors count operations
    that no memory would hold the activations of.
    """

    def question(spec: RunSpec) -> Question:
        latitudes, longitudes = grid_of(spec.model.catalogue_entry, 1.0, tiny=tiny)
        levels = spec.model.catalogue_entry.levels
        shape = Shape(height=latitudes.size, width=longitudes.size, levels=levels)
        return Question.of(spec, shape, "cpu" if tiny else "cuda", 0)

    specs = {name: spec_of(name, tiny=tiny) for name in names}
    asked = {
        name: (question(spec), question(spec.with_overrides(_NOTHING_AGAIN)))
        for name, spec in specs.items()
    }
    # Some cases differ in what an estimate does not look at.
    different = {one.digest(): one for pair in asked.values() for one in pair}
    with ThreadPoolExecutor(ESTIMATES_AT_ONCE) as pool:
        answers = dict(zip(different, pool.map(_answer, different.values()), strict=True))
    return {
        name: {**answers[own.digest()], "model_flops": answers[kept.digest()].get("flops")}
        for name, (own, kept) in asked.items()
    }


def _answer(question: Question) -> dict[str, Any]:
    try:
        return estimate(question, runs=Path("runs")).to_dict()
    except AuroraDashError as error:
        return {"reason": str(error)}


def _child(name: str, *, tiny: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", name, *(["--tiny"] if tiny else [])]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {"case": name, "outcome": "failed", "reason": f"no end after {LIMIT_SECONDS} s"}
    if done.returncode == 0:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return {"case": name, "outcome": "failed", "reason": lines[-1]}


def measure(name: str, *, tiny: bool) -> dict[str, Any]:
    """Steps of one case in this process: seconds, peak memory, operations."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    spec = spec_of(name, tiny=tiny)
    device = torch.device(spec.training.device)
    sample = batches(spec, grid_of(spec.model.catalogue_entry, 1.0, tiny=tiny))
    known = {"case": name, "settings": list(CASES[name])}
    try:
        take = (_package_step if name == PACKAGE else _own_step)(spec, device, sample)
        with FlopCounterMode(display=False) as counter:
            take()
        for _ in range(WARM_UP - 1):
            take()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = [_timed(take, device) for _ in range(STEPS)]
        peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    except torch.OutOfMemoryError as error:
        return {**known, "outcome": "out of memory", "reason": str(error).splitlines()[0]}
    return {
        **known,
        "outcome": "measured",
        "grid": list(sample[0].spatial_shape),
        "seconds_per_step": statistics.median(seconds),
        "samples_per_second": 1 / statistics.median(seconds),
        "flops": counter.get_total_flops(),
        "peak_memory_bytes": peak,
        "device_memory_bytes": device_memory(device),
    }


def _timed(take: Callable[[], object], device: Any) -> float:
    import torch

    begun = time.perf_counter()
    take()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun


def _own_step(spec: RunSpec, device: Any, sample: Any) -> Callable[[], object]:
    """A step of this project's engine."""
    from aurora_dash.model.build import build_model
    from aurora_dash.training.step import TrainingStep

    built = build_model(spec)
    built.module.to(device)
    step = TrainingStep(built, spec, device, WARM_UP + STEPS)
    inputs, target = sample
    numbers = iter(range(WARM_UP + STEPS))
    return lambda: step(next(numbers), [(inputs, (target,))])


def _package_step(spec: RunSpec, device: Any, sample: Any) -> Callable[[], object]:
    """A step as the package's documentation on fine-tuning has it."""
    import aurora
    import torch

    from aurora_dash.model.build import SIZES
    from aurora_dash.model.statistics import ModelStatistics

    options = SIZES[spec.model.size]
    model = getattr(aurora, spec.model.catalogue_entry.class_name)(autocast=True, **options)
    model.configure_activation_checkpointing()
    model.train().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    statistics_of = ModelStatistics.for_spec(spec)
    inputs, target = (batch.to(device) for batch in sample)

    def take() -> float:
        optimiser.zero_grad()
        prediction = model(inputs)
        parts = []
        for name, values in prediction.surf_vars.items():
            scale = statistics_of.of_surface(name)[1]
            parts.append((values - target.surf_vars[name]).abs().mean() / scale)
        for name, values in prediction.atmos_vars.items():
            scales = statistics_of.of_atmospheric(name, target.metadata.atmos_levels)[1]
            scale = values.new_tensor(scales)[:, None, None]
            parts.append(((values - target.atmos_vars[name]).abs() / scale).mean())
        loss = torch.stack(parts).mean()
        loss.backward()
        optimiser.step()
        return float(loss)

    return take


def compared(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cases with their use of the device, and their time and memory beside others.

    Of the device's peak in bfloat16, the model's own operations are used (`model_flop_utilisation`)
    and, with what is computed again for want of memory, `hardware_flop_utilisation`.
    """
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    rate = next((flops for name, flops in PEAK_FLOPS.items() if name in device), None)
    by_name = {case["case"]: case for case in cases if case["outcome"] == "measured"}
    package = by_name.get(PACKAGE)
    for case in by_name.values():
        if rate is not None:
            seconds, model_flops = case["seconds_per_step"], case["estimate"]["model_flops"]
            case["hardware_flop_utilisation"] = case["flops"] / seconds / rate
            case["model_flop_utilisation"] = model_flops and model_flops / seconds / rate
        for key, other in (
            ("time_beside_package", package),
            ("time_beside_unchunked", by_name.get(case["case"].removesuffix(_CHUNKS))),
        ):
            if other is not None:
                case[key] = case["seconds_per_step"] / other["seconds_per_step"]
        estimated = case["estimate"].get("peak_bytes")
        if estimated and case["peak_memory_bytes"]:
            case["estimate_over_measured"] = estimated / case["peak_memory_bytes"]
    return cases


def _line(case: dict[str, Any]) -> str:
    if case["outcome"] != "measured":
        return f"{case['case']}: {case['outcome']}: {case['reason']}"
    peak = case["peak_memory_bytes"]
    memory = f", {peak / 2**30:.1f} GiB" if peak else ""
    return f"{case['case']}: {case['seconds_per_step']:.2f} s a step{memory}"


if __name__ == "__main__":
    sys.exit(main())
