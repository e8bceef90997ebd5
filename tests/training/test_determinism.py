from __future__ import annotations

import os
import threading

import pytest
import torch

from aurora_dash.runs.status import RunState
from aurora_dash.training import engine
from aurora_dash.training.determinism import deterministic_if
from aurora_dash.training.engine import train


@pytest.fixture(autouse=True)
def _as_it_was():
    before = torch.are_deterministic_algorithms_enabled()
    yield
    assert torch.are_deterministic_algorithms_enabled() is before
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_it_holds_inside_the_block_and_not_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with pytest.raises(ZeroDivisionError), deterministic_if(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        _ = 1 / 0
    assert torch.backends.cudnn.benchmark
    with deterministic_if(False):
        assert not torch.are_deterministic_algorithms_enabled()


def test_blocks_that_overlap_end_with_the_last() -> None:
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def first() -> None:
        with deterministic_if(True):
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(10)
    with deterministic_if(True):
        second_is_in.set()
        first_is_out.wait(10)
        assert torch.are_deterministic_algorithms_enabled()
    thread.join()


@pytest.mark.slow
def test_a_run_computes_with_it_and_leaves_the_process_as_it_was(
    store, spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    run_it = engine._run

    def watched(*arguments):
        seen.append(torch.are_deterministic_algorithms_enabled())
        return run_it(*arguments)

    monkeypatch.setattr(engine, "_run", watched)
    wanted = spec.replace(training=spec.training.replace(deterministic=True, steps=1))
    assert train(store.create(wanted)).state == RunState.COMPLETED
    assert train(store.create(spec.replace(training=wanted.training.replace(deterministic=False))))
    assert seen == [True, False]
