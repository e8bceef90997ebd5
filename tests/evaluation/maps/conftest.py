"""Forecasts on disk to draw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dash.evaluation.maps.forecasts import Forecasts
from aurora_dash.evaluation.maps.opening import of_evaluation, of_stored
from tests.evaluation.maps.known import SPEC, make_result, make_stored, make_truth


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Forecasts]:
    """Of an evaluation."""
    with of_evaluation(make_result(tmp_path / "evaluation"), SPEC) as forecasts:
        yield forecasts


@pytest.fixture(params=[".zarr", ".nc"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Forecasts]:
    """Of a rollout, with the data that it began from."""
    path = make_stored(tmp_path / f"forecast{request.param}")
    with of_stored(path, make_truth()) as forecasts:
        yield forecasts
