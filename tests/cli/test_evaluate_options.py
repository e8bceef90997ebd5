"""What the options of ``evaluate`` ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.cli.evaluate_options import score_fields
from aurora_dash.cli.grammar import build_parser
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.runs.store import RunStore


@pytest.mark.parametrize(("more", "kept"), [([], True), (["--no-histograms"], False)])
def test_distributions_are_kept_unless_left_out(
    more: list[str], kept: bool, tmp_path: Path
) -> None:
    options = build_parser().parse_args(["evaluate", "run-1", *more])
    fields = score_fields(options, RunStore(tmp_path))
    assert EvaluationRequest.build({"run": "run-1", **fields}).histograms is kept
