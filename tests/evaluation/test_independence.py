"""Scores are of the weather alone: not of how it lies on disk, nor of how it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from aurora_dash.data.source import open_data
from aurora_dash.evaluation import slabs
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec

pytestmark = pytest.mark.slow

Scores = dict[tuple[Any, ...], float]


def _scores(run: Run, folder: Path, **fields: Any) -> Scores:
    given = {"run": run.id, "device": "cpu", "initial": False, "max_map_samples": 0, **fields}
    measures = ["rmse", "bias", "correlation", "gradient_ratio", "spectral_ratio"]
    request = EvaluationRequest.build({**given, "measures": measures})
    result = evaluate(request, folder, store=RunStore(run.folder.parent))
    return {(s.variable, s.level, s.source, s.metric, s.lead_hours): s.value for s in result.scores}


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_chunks_of_files_change_nothing(make_run: Any, small_spec: RunSpec, tmp_path: Path) -> None:
    """The same weather in one chunk, and in chunks that cut time, levels and the grid."""
    run = make_run(small_spec)
    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset.load()
    whole, pieces = tmp_path / "whole.zarr", tmp_path / "pieces.zarr"
    dataset.drop_encoding().to_zarr(whole, zarr_format=2)
    chunks = {"time": 3, "level": 1, "latitude": 5, "longitude": 7}
    dataset.drop_encoding().chunk(chunks).to_zarr(pieces, zarr_format=2)
    found = [
        _scores(run, tmp_path / path.stem, data={"source": "files", "paths": [str(path)]})
        for path in (whole, pieces)
    ]
    assert found[0] == found[1]
    assert len(found[0]) > 100


def test_neither_threads_nor_batches_nor_slabs_change_scores(
    make_run: Any,
    small_spec: RunSpec,
    tmp_path: Path,
    threads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(small_spec)
    torch.set_num_threads(1)
    alone = _scores(run, tmp_path / "alone", leads=2)
    torch.set_num_threads(2)
    # One variable at a time, and eight forecasts together.
    monkeypatch.setattr(slabs, "_POINTS_TOGETHER", 1)
    together = _scores(run, tmp_path / "together", leads=2, batch_size=8)
    assert together.keys() == alone.keys()
    for key, value in alone.items():
        assert together[key] == pytest.approx(value, rel=1e-4, abs=1e-4 * abs(value) + 1e-9), key
