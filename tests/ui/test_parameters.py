"""Counting in the background, once for each spec that counts differently."""

from __future__ import annotations

import pytest

from aurora_dash.errors import CheckpointError
from aurora_dash.presets import demo
from aurora_dash.runs.store import RunStore
from aurora_dash.ui.parameters import Counter


@pytest.mark.slow
def test_counts_are_those_of_the_model_and_are_remembered(tmp_path) -> None:
    counter, store = Counter(), RunStore(tmp_path)
    spec = demo()
    first = counter.count(spec, store)
    count = first.result(timeout=120)
    assert (count.total, count.trainable) == (1_563_984, 1_563_984)
    assert counter.count(spec.replace(name="other", notes="x"), store) is first
    decoder = spec.replace(trainable={"parts": "groups", "groups": ["decoder"]})
    other = counter.count(decoder, store).result(timeout=60)
    assert 0 < other.trainable < other.total == 1_563_984


@pytest.mark.slow
def test_a_file_is_counted_again_when_it_was_written_anew(tmp_path) -> None:
    counter, store = Counter(), RunStore(tmp_path)
    model = {"source": "file", "path": str(tmp_path / "weights.ckpt")}
    spec = demo().replace(model=model)
    first = counter.count(spec, store)
    with pytest.raises(CheckpointError):
        first.result(timeout=120)
    (tmp_path / "weights.ckpt").write_bytes(b"")
    assert counter.count(spec, store) is not first
