from __future__ import annotations

import pytest
import torch

from aurora_dash.errors import DataError
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.training.failure import Failures, explain


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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_lack_of_memory_comes_with_what_helps(error) -> None:
    found = explain(error)
    assert found.message.startswith("Out of memory")
    assert "activation_checkpointing" in found.remedy
    assert "batch_size" in found.remedy
