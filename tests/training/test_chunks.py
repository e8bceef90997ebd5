"""Runs whose encoder and decoder are cut into chunks."""

from __future__ import annotations

import pytest

from aurora_dash.model import chunking
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training.engine import train

pytestmark = pytest.mark.slow


def _trained(store: RunStore, spec: RunSpec, *assignments: str) -> Run:
    run = store.create(spec.with_overrides(assignments))
    assert train(run).state is RunState.COMPLETED
    return run


def _choices(run: Run) -> list[tuple[int, bool]]:
    return [(e["chunks"], e["with_gradient"]) for e in run.events() if "chunks" in e]


def test_a_run_in_chunks_learns_the_same_and_says_in_how_many(store, spec) -> None:
    whole = _trained(store, spec)
    cut = _trained(store, spec, "model.chunks=3", "model.activation_checkpointing=true")
    for split in ("train", "validation"):
        expected = whole.metrics().column("loss", split)
        assert cut.metrics().column("loss", split) == pytest.approx(expected, rel=1e-5)
    assert _choices(whole) == []
    # Validation comes first, before the first step.
    assert _choices(cut) == [(3, False), (3, True)]


def test_the_number_that_was_chosen_is_recorded(store, spec, monkeypatch) -> None:
    assert _choices(_trained(store, spec, "model.chunks=auto")) == [(1, False), (1, True)]
    # 12 bytes for each of 1,563,984 weights; two samples of 16 patches and 2 levels whole would add
    # 0.45 MiB, and half of 0.5 MiB is left for them.
    left = 12 * 1_563_984 + 2**19
    monkeypatch.setattr(chunking, "free_memory", lambda device: left)
    run = _trained(store, spec, "model.chunks=auto")
    assert _choices(run) == [(1, False), (2, True)]
    (said,) = [e["message"] for e in run.events() if e.get("chunks") == 2]
    assert "in 2 chunks: whole they would add 0.000437 GiB" in said
