"""Estimates of real specs by a real process, held against real steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aurora_dash.errors import TrainingError
from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.ask import estimate, known
from aurora_dash.training.memory.question import DeviceKind, Question, Shape

pytestmark = pytest.mark.slow

LEVELS = (1000, 850, 700, 500)


def _question(*assignments: str, device: DeviceKind = "cpu", height: int = 32) -> Question:
    spec = RunSpec().with_overrides(assignments)
    shape = Shape(height=height, width=2 * height, levels=LEVELS)
    return Question.of(spec, shape, device, 0)


def _measured(question: Question, repository: Path) -> int:
    """What real steps took, by the kernel's account; freed memory goes back to it at once."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("measured_step.py"))],
        input=json.dumps(question.to_dict()),
        env={
            **os.environ,
            "PYTHONPATH": str(repository),
            "BENCHMARKS": str(repository / "benchmarks"),
            "MALLOC_MMAP_THRESHOLD_": "65536",
            "MALLOC_TRIM_THRESHOLD_": "65536",
            "MALLOC_ARENA_MAX": "1",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return int(json.loads(done.stdout.splitlines()[-1])["peak_bytes"])


@pytest.mark.parametrize(
    ("assignments", "height"),
    [
        (("model.size=tiny",), 128),
        (("model.size=tiny", "model.activation_checkpointing=true", "model.chunks=4",
          "optimiser.ema_decay=0.9"), 128),
    ],
    ids=["plain", "checkpointed, chunked, averaged"],
)  # fmt: skip
def test_an_estimate_is_within_a_tenth_of_the_peak_of_real_steps(
    assignments: tuple[str, ...], height: int, repository: Path, tmp_path: Path
) -> None:
    question = _question(*assignments, height=height)
    found = estimate(question, runs=tmp_path)
    measured = _measured(question, repository)
    assert found.peak_bytes == pytest.approx(measured, rel=0.1), (found.peak_bytes, measured)


def test_an_answer_is_kept_told_in_phases_and_not_sought_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = _question(device="cuda")
    phases: list[str] = []
    assert known(question) is None
    found = estimate(question, runs=tmp_path, say=phases.append)
    assert phases == ["loading PyTorch and Aurora", "building the model", "taking a step"]
    # AdamW's two moments and, for the fused one, a count beside each tensor.
    assert found.parts["parameters"] >= 4 * found.num_parameters
    assert found.parts["optimiser"] >= 8 * found.num_trainable
    assert known(question) == found
    monkeypatch.setattr(subprocess, "Popen", None)
    assert estimate(question, runs=tmp_path) == found


def test_what_takes_too_long_is_given_up_in_words(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="given up after 0 s"):
        estimate(_question(), runs=tmp_path, limit=0.3)
    assert known(_question()) is None


def test_a_model_that_can_not_be_built_is_said_as_elsewhere(tmp_path: Path) -> None:
    question = _question("model.source=run", "model.run=nowhere")
    with pytest.raises(TrainingError, match=r"can't be estimated: .*nowhere"):
        estimate(question, runs=tmp_path)


def test_offloaded_states_are_not_on_the_gpu(tmp_path: Path) -> None:
    settings = ("model.autocast=true", "model.weights_dtype=bfloat16", "optimiser.offload=true")
    found = estimate(_question(*settings, device="cuda"), runs=tmp_path)
    assert found.parts["optimiser"] < 0.01 * 8 * found.num_trainable
    # Linear layers are held in two bytes a number, all else in four.
    assert 2 * found.num_parameters < found.parts["parameters"] < 4 * found.num_parameters


def test_moments_of_eight_bits_take_a_quarter_of_those_in_float32(tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    found = estimate(_question("optimiser.kind=adamw8bit", device="cuda"), runs=tmp_path)
    # A tensor of fewer than 4096 values keeps them whole, and each block of others has a scale.
    assert 2 <= found.parts["optimiser"] / found.num_trainable < 2.5


@pytest.mark.parametrize("variant", ["v1.5-ensemble", "0.25-wave", "0.4-air-pollution"])
def test_variants_with_ways_of_their_own_are_estimated(variant: str, tmp_path: Path) -> None:
    more = ["rollout.kind=backprop"] if variant == "v1.5-ensemble" else []
    spec = RunSpec().with_overrides([f"model.variant={variant}", "model.chunks=2", *more])
    patch, levels = spec.model.catalogue_entry.patch_size, spec.model.catalogue_entry.levels
    shape = Shape(height=8 * patch, width=16 * patch, levels=levels)
    found = estimate(Question.of(spec, shape, "cuda", 0), runs=tmp_path)
    assert min(found.parts[part] for part in ("parameters", "optimiser")) > 0
    assert found.flops > 1e9


def test_an_estimate_is_within_a_tenth_of_what_a_gpu_allocates(tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    from aurora_dash.model.build import build_model
    from aurora_dash.training.step import TrainingStep
    from benchmarks.random_batches import batches, grid_of_size

    settings = ("model.size=small", "model.autocast=true", "model.activation_checkpointing=true")
    question = _question(*settings, device="cuda", height=128)
    inputs, target = batches(question.spec, grid_of_size(128, 256), LEVELS)
    built, device = build_model(question.spec), torch.device("cuda:0")
    built.module.to(device)
    step = TrainingStep(built, question.spec, device, 2)
    step(0, [(inputs, (target,))])
    torch.cuda.reset_peak_memory_stats(device)
    step(1, [(inputs, (target,))])
    measured = torch.cuda.max_memory_allocated(device)
    assert estimate(question, runs=tmp_path).peak_bytes == pytest.approx(measured, rel=0.1)
