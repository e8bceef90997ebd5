"""What the engine costs beside a bare PyTorch loop: same model, same batches, one process.

    python benchmarks/loop_overhead.py --out benchmarks/results/loop_overhead.json
    python benchmarks/loop_overhead.py --pairs 20      # fewer pairs; prints, does not write

The engine's loop runs with everything that is on by default: metrics with a line a step, norms by
group, loss by variable, weight and update statistics, health rules, status, control requests. The
bare loop predicts, takes the same loss, differentiates, clips with `clip_grad_norm_` and steps a
fused AdamW. Batches are read beforehand, so that neither waits for data. Blocks of steps of the two
alternate, in random order within a pair, and each pair gives one ratio; its median is told, since a
machine that others use too makes single times worthless. On a CPU the time of the process is told
as well, which others don't stretch.
"""

from __future__ import annotations

import argparse
import contextlib
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

STEPS_A_BLOCK = 10
"""As many as lie between two looks at the weights, so that every block has one."""
GOAL = 0.02


def main() -> int:
    """Measure, and write or print the result."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as held:
        document = {**surroundings(), **measure(Path(folder), options, held)}
    put(document, options.out)
    if options.out is not None:
        print(f"{options.out}: {document['overhead_wall']:+.2%} wall", file=sys.stderr)
    return 0


def measure(
    folder: Path, options: argparse.Namespace, held: contextlib.ExitStack
) -> dict[str, Any]:
    """Ratios of the engine's time to the bare loop's, over pairs of blocks.

    What the engine holds meanwhile, the run's lock, heartbeat and metrics file, goes into `held`.
    """
    import torch

    from aurora_dash.model.device import choose_device

    device = choose_device(options.device)
    torch.set_num_threads(options.threads)
    spec = _spec(options)
    batches, build = _prepare(spec, device)
    blocks: dict[str, Callable[[], None]] = {
        "engine": _engine_block(folder, spec, build(), batches, device, held),
        "bare": _bare_block(spec, build(), batches, device),
    }
    for block in blocks.values():
        block()
    wall, cpu = [], []
    each: dict[str, list[float]] = {"engine": [], "bare": []}
    for _ in range(options.pairs):
        times = {}
        for name in random.sample(list(blocks), 2):
            times[name] = _timed(blocks[name], device)
            each[name].append(times[name][0] / STEPS_A_BLOCK)
        wall.append(times["engine"][0] / times["bare"][0] - 1)
        cpu.append(times["engine"][1] / times["bare"][1] - 1)
    return {
        "trained_on": str(device),
        "threads": options.threads,
        "model": {"size": options.size, "variant": spec.model.variant},
        "grid": [options.height, options.width, options.levels],
        "batch_size": options.batch_size,
        "steps_a_block": STEPS_A_BLOCK,
        "pairs": options.pairs,
        "goal": GOAL,
        "overhead_wall": median(wall),
        "overhead_wall_quartiles": quantiles(wall, n=4)[::2],
        "overhead_cpu": median(cpu),
        "overhead_cpu_quartiles": quantiles(cpu, n=4)[::2],
        "bare_step_seconds": median(each["bare"]),
        "engine_step_seconds": median(each["engine"]),
        "engine_extra_seconds": median(each["engine"]) - median(each["bare"]),
    }


def _spec(options: argparse.Namespace) -> Any:
    from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec, TrainingSpec
    from aurora_dash.variants import PRESSURE_LEVELS

    levels = PRESSURE_LEVELS[-options.levels :]
    demo = DemoSpec(height=options.height, width=options.width, levels=levels, num_times=16)
    return RunSpec(
        name="overhead",
        model=ModelSpec(size=options.size, autocast=options.autocast),
        data=DataSpec(demo=demo, validation_fraction=0),
        training=TrainingSpec(
            steps=10**9,
            batch_size=options.batch_size,
            validate_every=10**9,
            checkpoint_every=10**9,
            device=options.device,
        ),
    )


def _prepare(spec: Any, device: Any) -> tuple[list[Any], Callable[[], Any]]:
    """Batches, read, and a maker of equal models."""
    from aurora_dash.data.batches import collate
    from aurora_dash.data.source import open_data
    from aurora_dash.model.build import build_model
    from aurora_dash.training.plan import split_of
    from aurora_dash.training.reading import samples_of

    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    samples = samples_of(spec, opened.dataset, split_of(spec, opened.dataset).train)
    size = spec.training.batch_size
    batches = [
        collate([samples[(i * size + j) % len(samples)] for j in range(size)]) for i in range(4)
    ]

    def build() -> Any:
        model = build_model(spec)
        model.module.to(device)
        return model

    return batches, build


class NoSaves:
    """Checkpoints that nobody takes: the bare loop takes none either."""

    def __call__(self, trainer: Any, best: bool) -> None:
        """Take none."""

    def check(self) -> bool:
        """Nothing is being written that could have failed."""
        return False

    def finish(self) -> bool:
        """Nothing has to be waited for."""
        return False


def _engine_block(
    folder: Path,
    spec: Any,
    model: Any,
    batches: list[Any],
    device: Any,
    held: contextlib.ExitStack,
) -> Callable[[], None]:
    """Steps of the engine's own loop, with all that it writes and watches by default."""
    from aurora_dash.runs.metrics import MetricsWriter
    from aurora_dash.runs.ownership import own
    from aurora_dash.runs.store import RunStore
    from aurora_dash.training.control import Control
    from aurora_dash.training.health.watch import WatchedRecords
    from aurora_dash.training.loop import Trainer
    from aurora_dash.training.order import BatchOrder
    from aurora_dash.training.record import Recorder
    from aurora_dash.training.room import Room
    from aurora_dash.training.step import TrainingStep

    run = RunStore(folder / "runs").create(spec)
    owner = held.enter_context(own(run))
    metrics = held.enter_context(MetricsWriter(run.metrics_path))
    step = TrainingStep(model, spec, device, spec.training.steps)
    requests = Control(run, owner, lambda: False)
    recorder = Recorder(metrics, owner, Room(run, owner, requests), 10**9, device)

    class Batches:
        order = BatchOrder(len(batches) * spec.training.batch_size, spec.training.batch_size, 0)

        def take(self, number: int) -> Any:
            return batches[number % len(batches)]

    trainer = Trainer(
        take_step=step,
        batches=Batches(),
        validate=None,
        records=WatchedRecords(recorder, run, spec, device),
        requests=requests,
        save=NoSaves(),
        total_steps=0,
        validate_every=spec.training.validate_every,
        save_every=spec.training.checkpoint_every,
    )

    def block() -> None:
        trainer.total_steps = trainer.step + STEPS_A_BLOCK
        trainer.run()

    return block


def _bare_block(spec: Any, model: Any, batches: list[Any], device: Any) -> Callable[[], None]:
    """What a person would write: predict, loss, backward, clip, step."""
    import torch

    from aurora_dash.training.loss import build_loss

    module, loss, count = model.module, build_loss(spec), 0
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-6, weight_decay=0.0, fused=True)
    module.train()

    def block() -> None:
        nonlocal count
        for _ in range(STEPS_A_BLOCK):
            inputs, (target,) = batches[count % len(batches)]
            optimiser.zero_grad(set_to_none=True)
            prediction = module.predict_normalised(inputs.to(device))
            total = loss(prediction, module.normalise_for_loss(target.to(device))).total
            total.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()
            total.item()
            count += 1

    return block


def _timed(block: Callable[[], None], device: Any) -> tuple[float, float]:
    """Wall and process seconds of a block, its work on the GPU done."""
    import torch

    def now() -> tuple[float, float]:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter(), time.process_time()

    begin = now()
    block()
    end = now()
    return end[0] - begin[0], end[1] - begin[1]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=40, help="pairs of blocks (40)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (cpu)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    parser.add_argument("--size", default="tiny", help="tiny, small or full (tiny)")
    parser.add_argument("--height", type=int, default=32)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--levels", type=int, default=4, help="pressure levels (4)")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--autocast", action="store_true")
    parser.add_argument("--out", type=Path, help="write JSON there instead of printing it")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
