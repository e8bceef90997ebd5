from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from aurora_dash.errors import DataError, NotFiniteError
from aurora_dash.runs.alerts import Alert, noticed
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.training.failure import Failures, explain
from aurora_dash.training.health.memory import memory_remedies


def _fail(run: Run, error: BaseException) -> None:
    with own(run) as owner, Failures(run, owner):
        raise error


def test_an_error_for_people_becomes_reason_and_remedy(run) -> None:
    _fail(run, DataError("File x has no t.", remedy="Add it."))
    status = run.status()
    assert (status.state, status.reason) == (RunState.FAILED, "File x has no t.")
    assert status.remedy == "Add it."
    event = run.events()[-1]
    assert (event["level"], event["message"]) == ("error", "File x has no t.")
    assert "traceback" not in event


def test_an_unexpected_error_is_short_outside_and_whole_in_the_events(run) -> None:
    _fail(run, ZeroDivisionError("division by zero\nand more"))
    status = run.status()
    assert status.state is RunState.FAILED
    assert status.reason == "Unexpected ZeroDivisionError: division by zero."
    assert "Traceback" not in status.reason + status.remedy
    assert "raise error" in run.events()[-1]["traceback"]


def test_an_interrupt_is_no_failure_and_passes_through(run) -> None:
    with pytest.raises(KeyboardInterrupt):
        _fail(run, KeyboardInterrupt())
    assert run.status().state is RunState.INTERRUPTED


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_lack_of_memory_comes_with_what_helps_in_the_order_of_what_it_saves(store, error) -> None:
    run = store.create(RunSpec().with_overrides(["training.batch_size=4", "model.autocast=true"]))
    _fail(run, error)
    status = run.status()
    assert status.reason.startswith("Out of memory")
    first = status.remedy.index("1. model.activation_checkpointing=true")
    second = status.remedy.index("2. model.chunks=auto")
    assert first < second < status.remedy.index("3. training.batch_size=2")
    assert "autocast=true:" not in status.remedy
    assert "223 GiB become 64" in status.remedy
    (entry,) = noticed(run.events())
    assert (entry.alert.rule, entry.alert.severity) == ("out_of_memory", "error")
    assert entry.alert.remedy().assignments == ("model.activation_checkpointing=true",)
    assert entry.alert.remedy().start == "here"


def test_where_all_that_saves_memory_is_on_the_data_are_left() -> None:
    spec = RunSpec(variables=(VariableSpec(name="tcwv"),)).with_overrides(
        [
            *("model.activation_checkpointing=true", "model.chunks=auto"),
            *("optimiser.kind=adafactor", "training.device=cpu"),
            *("optimiser.clip_norm=null", "optimiser.in_backward=true"),
        ]
    )
    assert "data.levels" in explain(MemoryError(), spec).remedy
    assert memory_remedies(spec) == ()


def _toolkit(folder: Path, version: str) -> None:
    folder.mkdir()
    (folder / "nvcc").write_text(f"#!/bin/sh\necho 'Cuda tools, release {version}, V{version}.1'\n")
    (folder / "nvcc").chmod(0o755)


def test_a_cuda_error_carries_what_the_doctor_finds(run, tmp_path, monkeypatch) -> None:
    _toolkit(tmp_path / "bin", "12.2")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    _fail(run, RuntimeError("CUDA error: an illegal memory access was encountered\nmore"))
    status = run.status()
    assert status.reason.startswith("The GPU failed: CUDA error: an illegal memory access")
    assert "toolkit of PATH is 12.2" in status.reason
    assert "torch was built with 12.6" in status.reason
    assert "torch built for CUDA 12.2" in status.remedy
    assert "start the dashboard anew" in status.remedy
    (entry,) = noticed(run.events())
    assert (entry.alert.rule, entry.alert.remedies) == ("cuda", ())
    assert "traceback" in run.events()[0]


def test_a_cuda_error_on_a_machine_that_agrees_says_how_to_find_the_operation(monkeypatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    found = explain(RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"))
    assert "CUDA_LAUNCH_BLOCKING=1" in found.remedy


def test_a_loss_that_is_not_finite_goes_back_to_before_its_first_sign(run) -> None:
    spike = Alert(rule="loss_spike", step=80, good_step=77, message="Up.")
    with own(run) as owner:
        owner.update(step=84)
        run.log_event(**spike.fields())
        with Failures(run, owner):
            raise NotFiniteError("Step 85: the loss is not finite.", remedy="Lower the rate.")
    alert = noticed(run.events())[-1].alert
    assert (alert.rule, alert.step, alert.good_step) == ("not_finite", 84, 74)
    assert alert.remedy().key == "halve-rate"


def test_gaps_in_the_data_leave_the_weights_sound(run) -> None:
    with own(run) as owner, Failures(run, owner):
        owner.update(step=84)
        raise NotFiniteError("Step 85: the input has gaps.", remedy="Fill them.", in_data=True)
    alert = noticed(run.events())[-1].alert
    assert (alert.good_step, alert.remedies, alert.advice) == (84, (), "Fill them.")
