"""What stands in the way of a launch on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aurora_dash.doctor.machine import Gpu, machine_summary
from aurora_dash.doctor.readiness import (
    device_findings,
    download_findings,
    memory_findings,
    weights_findings,
)
from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import ModelSpec, RunSpec, TrainableSpec, TrainingSpec

HERE = machine_summary()
GPU = Gpu(index=1, name="A GPU", memory_bytes=24 * 2**30, driver="1", memory_used_bytes=0)


def with_gpu() -> object:

    return replace(HERE, gpus=(GPU,))


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    store, path = RunStore(tmp_path), tmp_path / "mine.ckpt"
    [finding] = weights_findings(ModelSpec(source="file", path=str(path)), store)
    assert str(path) in finding.message
    path.write_bytes(b"")
    assert not list(weights_findings(ModelSpec(source="file", path=str(path)), store))


def test_a_run_must_have_the_checkpoint_that_is_named(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store.create(demo())
    asked = ModelSpec(source="run", run=run.id)
    [finding] = weights_findings(asked, store)
    assert "no checkpoint 'best'" in finding.message
    (run.checkpoints_folder / "step-00000010").mkdir(parents=True)
    assert not list(weights_findings(asked, store))
    [finding] = weights_findings(asked.replace(checkpoint="step-00000020"), store)
    assert "step-00000020" in finding.message
    [finding] = weights_findings(ModelSpec(source="run", run="nowhere"), store)
    assert "nowhere" in finding.message


@pytest.mark.parametrize(
    ("name", "there"), [("auto", True), ("cpu", True), ("cuda:1", True), ("cuda:0", False)]
)
def test_a_device_must_be_there(name: str, there: bool) -> None:
    assert (not list(device_findings(name, with_gpu()))) == there


def test_cuda_without_a_gpu_is_missing() -> None:

    [finding] = device_findings("cuda", replace(HERE, gpus=()))
    assert "this machine has cpu" in finding.message


def test_what_can_not_fit_is_said_before_it_is_tried() -> None:
    full = RunSpec(model=ModelSpec(variant="0.25-pretrained", source="random", size="full"))
    on_gpu = full.replace(training=TrainingSpec(device="cuda:1"))
    small = Gpu(index=1, name="A GPU", memory_bytes=16 * 2**30, driver="1", memory_used_bytes=0)

    [finding] = memory_findings(on_gpu, replace(HERE, gpus=(small,)))
    # 1.26e9 parameters of 16 bytes.
    assert "18." in finding.message
    assert "16.0 GiB" in finding.message
    assert not list(memory_findings(on_gpu, with_gpu()))
    lora = on_gpu.replace(trainable=TrainableSpec(parts="lora"))
    assert not list(memory_findings(lora, replace(HERE, gpus=(small,))))


def test_random_weights_need_no_hub() -> None:
    assert not list(download_findings(ModelSpec(source="random")))
