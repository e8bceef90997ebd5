"""Two processes, DDP and FSDP2, learn what one learns."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from aurora_dash.model.build import build_model
from aurora_dash.model.export import PlainModel
from aurora_dash.model.saved import (
    find_checkpoint,
    read_meta,
    read_optimiser,
    read_part,
    read_weights,
)
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.runs.watched import WatchedFolder
from aurora_dash.spec import DataSpec, DemoSpec, OptimiserSpec, RunSpec, TrainingSpec
from aurora_dash.training.engine import train
from tests.training.distributed.conftest import train_together

pytestmark = pytest.mark.slow

_CLOSE = 1e-6
"""Of losses relatively; of weights, which are of the order of 1, absolutely."""
_SAMPLED = {"cpu_percent", "machine_cpu_percent", "rss_bytes", "host_free_bytes"}
"""Once a second, so in some records."""
_NOT_COMPARED = {"time", "step_seconds", "data_seconds", "samples_per_second", "memory_bytes"}
# Missing in targets alone, in some samples more than in others: filled as inputs.
_GAPS = (
    'data.remedies=[{"kind": "mask_values", "variable": "surf_2t", "high": 285.0}, '
    '{"kind": "infill_space", "variable": "surf_2t"}, '
    '{"kind": "mask_values", "variable": "atmos_t", "high": 270.0}, '
    '{"kind": "infill_space", "variable": "atmos_t"}]'
)
_EVERYTHING = ("optimiser.clip_norm=0.5", "optimiser.ema_decay=0.9", "training.statistics_every=1")
_LORA = (
    "model.use_lora=true",
    "model.lora_mode=from_second",
    "trainable.parts=groups",
    'trainable.groups=["lora", "decoder"]',
    "trainable.lora.kind=package",
    "rollout.kind=backprop",
    "rollout.steps=2",
)
_BFLOAT16 = ("model.autocast=true", "model.weights_dtype=bfloat16")
_SHARED, _SPLIT = ("training.accumulate=2",), ("training.accumulate=1",)

CASES: dict[str, tuple[str, ...]] = {
    "ddp-batches": ("distributed.strategy=ddp", *_SHARED, *_EVERYTHING),
    "ddp-parts": ("distributed.strategy=ddp", *_SPLIT, *_EVERYTHING, _GAPS),
    "ddp-lora": ("distributed.strategy=ddp", *_SPLIT, *_LORA, "model.chunks=2"),
    "ddp-bfloat16": ("distributed.strategy=ddp", *_SHARED, *_EVERYTHING, *_BFLOAT16),
    "fsdp-batches": ("distributed.strategy=fsdp", *_SHARED, *_EVERYTHING, "model.chunks=2"),
    "fsdp-parts": (
        "distributed.strategy=fsdp",
        *_SPLIT,
        _GAPS,
        "optimiser.clip_by=value",
        "optimiser.clip_value=0.01",
        "model.activation_checkpointing=true",
        "rollout.kind=backprop",
        "rollout.steps=2",
    ),
    "fsdp-lora": (
        "distributed.strategy=fsdp",
        "distributed.reshard_after_forward=false",
        *_SPLIT,
        *_LORA,
        "optimiser.clip_by=adaptive",
    ),
}


def _spec(case: str) -> RunSpec:
    # 9 samples to train on: the last batch of an epoch has one, which one process is left without.
    spec = RunSpec(
        name=case,
        data=DataSpec(demo=DemoSpec(height=16, width=16, levels=(850, 500), num_times=16)),
        # A step of Adam is as long as the rate, however small the gradient: where that is but
        # rounding, weights differ by a part of the rate.
        optimiser=OptimiserSpec(lr=2e-4, warmup_steps=2),
        training=TrainingSpec(
            steps=6, batch_size=2, device="cpu", threads=1, validate_every=3, checkpoint_every=3
        ),
    )
    # The third sample to validate with is in the second batch, which the second process takes.
    return spec.with_overrides([*CASES[case], "training.watched.sample=2"])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Run, Run]]:
    """Each case trained in one process and in two."""
    store = RunStore(tmp_path_factory.mktemp("equal") / "runs")
    alone = {case: store.create(_spec(case)) for case in CASES}
    together = {
        case: store.create(_spec(case).with_overrides(["distributed.processes=2"]))
        for case in CASES
    }
    said = train_together(list(together.values()))
    for run in (*alone.values(), *together.values()):
        if run in alone.values():
            train(run)
        assert run.status().state is RunState.COMPLETED, f"{run.status().reason}\n{said[-6000:]}"
    return {case: (alone[case], together[case]) for case in CASES}


def _records(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.metrics_path.read_text().splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_record_what_one_records_and_once(
    pairs: dict[str, tuple[Run, Run]], case: str
) -> None:
    alone, together = (_records(run) for run in pairs[case])
    assert [(r["split"], r["step"]) for r in together] == [(r["split"], r["step"]) for r in alone]
    assert sum(r["split"] == "train" for r in together) == 6
    now_and_then = {"save_seconds"} | _SAMPLED | {f"process/1/{name}" for name in _SAMPLED}
    for expected, found in zip(alone, together, strict=True):
        assert found.keys() - now_and_then == expected.keys() - now_and_then
        for key in expected.keys() - now_and_then - _NOT_COMPARED:
            if isinstance(expected[key], float):
                assert found[key] == pytest.approx(expected[key], rel=2e-5, abs=1e-7), key
            else:
                assert found[key] == expected[key], key
        assert found["loss"] == pytest.approx(expected["loss"], rel=_CLOSE)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_end_with_the_weights_of_one(
    pairs: dict[str, tuple[Run, Run]], case: str
) -> None:
    first, second = (find_checkpoint(run.checkpoints_folder, "last") for run in pairs[case])
    alone, together = read_weights(first), read_weights(second)
    assert alone.keys() == together.keys()
    for name, expected in alone.items():
        difference = (together[name] - expected).abs().max().item()
        assert difference <= _CLOSE, name
    assert (read_meta(second).is_in_parts) == case.startswith("fsdp")


def test_masters_of_weights_in_bfloat16_keep_all_digits(pairs: dict[str, tuple[Run, Run]]) -> None:
    _, together = pairs["ddp-bfloat16"]
    weights = read_weights(find_checkpoint(together.checkpoints_folder, "last"))
    assert {value.dtype for value in weights.values()} == {torch.float32}
    layer = weights["backbone.encoder_layers.0.blocks.0.mlp.fc1.weight"]
    assert (layer != layer.bfloat16().float()).float().mean() > 0.9


@pytest.mark.parametrize("case", CASES)
def test_the_forecast_that_another_process_made_is_kept(
    pairs: dict[str, tuple[Run, Run]], case: str
) -> None:
    alone, together = (WatchedFolder(run.folder) for run in pairs[case])
    assert together.steps() == alone.steps() == (0, 3, 6)
    for step in alone.steps():
        expected, found = alone.forecast(step), together.forecast(step)
        assert found.sample == expected.sample
        for key, values in expected.values.items():
            np.testing.assert_allclose(found.values[key], values, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["ddp-batches", "fsdp-batches"])
def test_averages_and_moments_are_whole_in_the_checkpoint(
    pairs: dict[str, tuple[Run, Run]], case: str
) -> None:
    first, second = (find_checkpoint(run.checkpoints_folder, "last") for run in pairs[case])
    averages, found = (read_part(path, "ema") for path in (first, second))
    assert found["num_updates"] == averages["num_updates"] == 6
    for name, expected in averages["weights"].items():
        difference = (found["weights"][name] - expected).abs().max().item()
        assert difference <= _CLOSE, name
    moments, found = (read_optimiser(path)["state"] for path in (first, second))
    assert moments.keys() == found.keys()
    assert all(found[i]["exp_avg"].shape == moments[i]["exp_avg"].shape for i in moments)


@pytest.mark.parametrize("case", ["ddp-parts", "fsdp-parts"])
def test_a_checkpoint_of_two_processes_builds_and_exports_in_one(
    pairs: dict[str, tuple[Run, Run]], case: str, tmp_path: Path
) -> None:
    run = pairs[case][1]
    spec = run.spec()
    again = spec.replace(
        model=spec.model.replace(source="run", run=run.id, checkpoint="last"),
        distributed=spec.distributed.replace(processes=1),
    )
    built = build_model(again, store=RunStore(run.folder.parent))
    assert built.report.complete
    PlainModel.of(built, again).save(tmp_path / "plain.ckpt")
    saved = torch.load(tmp_path / "plain.ckpt", weights_only=True)
    weights = read_weights(find_checkpoint(run.checkpoints_folder, "last"))
    assert all(torch.equal(saved[name], value) for name, value in weights.items())


def test_missing_values_and_gaps_are_there_at_all(pairs: dict[str, tuple[Run, Run]]) -> None:
    for case in ("ddp-parts", "fsdp-parts"):
        missing = [r["missing_fraction"] for r in _records(pairs[case][1]) if r["split"] == "train"]
        assert all(0.01 < fraction < 0.9 for fraction in missing)
        assert len({round(fraction, 4) for fraction in missing}) > 1
    assert not math.isnan(sum(r["loss"] for r in _records(pairs["ddp-parts"][1])))
