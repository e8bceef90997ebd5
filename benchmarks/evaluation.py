"""What scoring costs beside the bare model: same samples, same forward passes, one process.

    python benchmarks/evaluation.py --out benchmarks/results/evaluation.json
    python benchmarks/evaluation.py --pairs 5          # fewer pairs; prints, does not write

The bare loop reads the inputs of each sample and predicts; the evaluation does that and reads the
targets, compares and sums: for the default measures alone, with the joint histograms that are made
by default, and for a larger set of measures. Passes over the samples alternate, in random order
within a pair; each pair gives one ratio, and its median is told. A small model (about 100 million
weights, the size of the smallest checkpoint that there is) on 32 x 64 points is the case that the
goal is about. A tiny one (1.6 million, for demos) shows what scoring itself takes: the smaller the
model, the more scoring weighs.

At 0.25 degrees no model of that size can be run here. So the scoring of one step (69 fields of
721 x 1440, all sources in memory) is timed, and set beside a stand-in for the forward pass: the
97 TFLOP that the full model needs, at the rate at which this machine multiplies matrices.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parent))

from surroundings import put, surroundings

GOAL = 0.10
FORWARD_TFLOP = 96.9
"""A forward pass of 1.26 billion parameters at 721 x 1440 x 13: 2.4 + 82.9 + 11.6."""
FEW_MEASURES = ("rmse", "mae", "bias")
MORE_MEASURES = ("rmse", "mae", "bias", "correlation", "vector_rmse", "gradient_ratio",
                 "spectral_ratio")  # fmt: skip
REGIONS = ("global", "tropics", "extratropics-north", "extratropics-south")


def main() -> int:
    """Measure, and write or print the result."""
    options = _options()
    import torch

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        document = {
            **surroundings(),
            "threads": options.threads,
            "goal": GOAL,
            "tiny": _ratios(Path(folder), "tiny", options),
            "small": _ratios(Path(folder), "small", options),
            "quarter_degree": _quarter_degree(46 if options.tiny else 721),
        }
    put(document, options.out)
    if options.out is not None:
        for size in ("tiny", "small"):
            print(f"{size}: {document[size]['default']['overhead']:+.2%}", file=sys.stderr)
    return 0


def _ratios(folder: Path, size: str, options: argparse.Namespace) -> dict[str, Any]:
    """Ratios of whole passes over the samples, with default measures and with more."""
    run, store = _run(folder, size, options)
    result: dict[str, Any] = {"grid": [32, 64, 4], "samples": options.samples, "model": size}
    for name, fields in (
        ("scores_alone", {"histograms": False}),
        ("default", {}),
        ("more", {"measures": MORE_MEASURES, "regions": REGIONS, "by": ("surface",)}),
    ):
        result[name] = _pairs(*_passes(run, store, options, fields), options.pairs)
    few = list(FEW_MEASURES)
    result["measures"] = {"scores_alone": few, "default": few, "more": list(MORE_MEASURES)}
    result["areas"] = {"scores_alone": 1, "default": 1, "more": 3 * len(REGIONS)}
    return result


def _run(folder: Path, size: str, options: argparse.Namespace) -> tuple[Any, Any]:
    """A run with a saved checkpoint of random weights."""
    from aurora_dash.model.build import build_model
    from aurora_dash.runs.store import RunStore
    from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec
    from aurora_dash.training.checkpoints import CheckpointStore, Snapshot

    demo = DemoSpec(height=32, width=64, num_times=max(6, options.samples + 2))
    spec = RunSpec(
        name="evaluation",
        model=ModelSpec(size=size),
        data=DataSpec(demo=demo, validation_fraction=0),
    )
    store = RunStore(folder)
    run = store.create(spec)
    model = build_model(spec, store=store)
    snapshot = Snapshot(
        step=0,
        epoch=0.0,
        weights=model.state_dict(),
        optimiser={},
        statistics=model.statistics,
        device="cpu",
        threads=options.threads,
    )
    CheckpointStore(run).save(snapshot, best=True)
    return run, store


def _passes(
    run: Any, store: Any, options: argparse.Namespace, fields: dict[str, Any]
) -> tuple[Callable[[], None], Callable[[], None]]:
    """The bare loop and the evaluation over the same samples, models loaded beforehand."""
    import torch

    from aurora_dash.data.batches import VariableNames
    from aurora_dash.evaluation import evaluate as judging
    from aurora_dash.evaluation.forecast import forecast
    from aurora_dash.evaluation.plan import make_plan
    from aurora_dash.evaluation.request import EvaluationRequest
    from aurora_dash.evaluation.sources import CheckpointRef
    from aurora_dash.evaluation.truth import Truth

    request = EvaluationRequest.build(
        {"run": run.id, "device": "cpu", "initial": False, "max_map_samples": 0, **fields}
    )
    plan = make_plan(request, CheckpointRef.of(request, store).resolve(), store=store)
    module = plan.subject.load().module.eval()
    modules = {"model": module}

    def bare() -> None:
        names = VariableNames.of(plan.spec)
        truth = Truth(plan.opened.dataset, plan.samples, names, module)
        with torch.no_grad():
            for chunk in plan.chunks:
                inputs = truth.inputs(chunk)
                for _ in forecast(module, inputs, steps=1, lead_hours=plan.lead_hours):
                    pass

    def evaluated() -> None:
        scorer = judging._scorer(plan, modules)
        steps = judging._Steps(plan, modules, judging.ignore_progress, lambda: False)
        judging._judge_all(plan, modules, scorer, None, None, steps)

    return bare, evaluated


def _pairs(bare: Callable[[], None], evaluated: Callable[[], None], count: int) -> dict[str, Any]:
    passes = {"bare": bare, "evaluated": evaluated}
    each: dict[str, list[float]] = {name: [] for name in passes}
    process: list[float] = []
    for run in passes.values():
        run()
    for _ in range(count):
        spent = {}
        for name in random.sample(list(passes), 2):
            began, busy = time.perf_counter(), time.process_time()
            passes[name]()
            each[name].append(time.perf_counter() - began)
            spent[name] = time.process_time() - busy
        process.append(spent["evaluated"] / spent["bare"] - 1)
    wall = [e / b - 1 for e, b in zip(each["evaluated"], each["bare"], strict=True)]
    return {
        "pairs": count,
        "overhead": median(wall),
        "overhead_quartiles": quantiles(wall, n=4)[::2],
        "overhead_cpu": median(process),
        "overhead_cpu_quartiles": quantiles(process, n=4)[::2],
        "bare_seconds": median(each["bare"]),
    }


def _quarter_degree(height: int) -> dict[str, Any]:
    """Seconds to score one step of a global 0.25 degree forecast, and of its stand-in."""
    import numpy as np
    import torch

    from aurora_dash.evaluation.areas import make_areas
    from aurora_dash.evaluation.joint import JointHistograms, limits_of
    from aurora_dash.evaluation.layout import Layout
    from aurora_dash.evaluation.statistics import Scorer
    from aurora_dash.evaluation.targets import Target
    from aurora_dash.variables import Group, describe

    width, levels = 2 * (height - 1), 13
    surface = [Target(variable=describe(n, Group.SURFACE)) for n in ("2t", "10u", "10v", "msl")]
    upper = [Target(variable=describe(n, Group.ATMOSPHERIC)) for n in "zuvtq"]
    latitudes, longitudes = np.linspace(90, -90, height), np.arange(width) * 360 / width
    layout = Layout(
        targets=(*surface, *upper),
        levels=tuple(float(level) for level in range(levels)),
        lead_hours=(6,),
        sources=("model", "persistence"),
        areas=make_areas(("global",), (), latitudes, longitudes, None),
        latitudes=latitudes,
        longitudes=longitudes,
        thresholds={},
        neighbourhoods=(),
    )
    shapes = {t.key: (height, width) for t in surface}
    shapes |= {t.key: (levels, height, width) for t in upper}
    target = {key: torch.rand(shape) for key, shape in shapes.items()}
    forecasts = {s: {k: v[None] + 0.1 for k, v in target.items()} for s in layout.sources}
    found: dict[str, Any] = {"grid": [height, width, levels], "fields": 69}
    rate = _matmul_rate()
    found |= {"flop_per_second": rate, "stand_in_seconds": FORWARD_TFLOP * 1e12 / rate}
    cpu, few = torch.device("cpu"), FEW_MEASURES
    limits = limits_of(layout, None, ())
    for name, measures in (("scores_alone", few), ("default", few), ("more", MORE_MEASURES)):
        seconds = []
        for _ in range(3):
            joint = None if name == "scores_alone" else JointHistograms(layout, limits, cpu)
            scorer = Scorer(layout, measures, 1, cpu, joint=joint)
            began = time.perf_counter()
            scorer.add(0, 0, target, forecasts)
            seconds.append(time.perf_counter() - began)
        found[name] = {
            "seconds": median(seconds),
            "of_stand_in": median(seconds) / found["stand_in_seconds"],
        }
    return found


def _matmul_rate() -> float:
    """FLOP a second of a large float32 matrix product, the best of a few."""
    import torch

    size = 2048
    one, other = torch.rand(size, size), torch.rand(size, size)
    best = min(_seconds(lambda: one @ other) for _ in range(5))
    return 2 * size**3 / best


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=15, help="pairs of passes (15)")
    parser.add_argument("--samples", type=int, default=10, help="samples of a pass (10)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    parser.add_argument("--tiny", action="store_true", help="4 degrees in the place of 0.25")
    parser.add_argument("--out", type=Path, help="write JSON there instead of printing it")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
