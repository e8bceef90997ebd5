"""The table of scores: a row a field, a column a source, changes with the right sign."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from aurora_dash.ui.judging.table import score_frame, verdict
from tests.evaluation.scoring import make_layout, score_fields


@pytest.fixture(scope="module")
def table() -> xr.Dataset:
    """At 850 hPa the model is 1 K off and persistence 2 K, at 500 hPa 3 K and 2 K."""
    target = 280 + np.random.default_rng(0).normal(0, 3, (6, 2, 3, 4))
    wrong = np.array([1.0, 3.0])[:, None, None]
    found, _ = score_fields(
        make_layout(
            ("t",), levels=(850, 500), sources=("model", "persistence", "ours"),
            thresholds={"t": [280.0]},
        ),
        ["rmse", "bias", "activity", "fss"],
        {
            "model": {"atmos_t": (target + wrong)[None]},
            "persistence": {"atmos_t": (target - 2)[None]},
            "ours": {"atmos_t": target[None]},
        },
        {"atmos_t": target},
        {"atmos_t": np.full_like(target, 280.0)},
        confidence=0.9,
    )  # fmt: skip
    return found


def test_sources_stand_beside_each_other_with_their_changes(table: xr.Dataset) -> None:
    frame = score_frame(table, "rmse", 6, {})
    assert frame["Variable"].tolist() == ["t", "t"]
    assert frame["Level (hPa)"].tolist() == ["850", "500"]
    assert frame["Unit"].tolist() == ["K", "K"]
    assert frame["Fine-tuned"].tolist() == pytest.approx([1, 3])
    assert frame["Persistence"].tolist() == pytest.approx([2, 2])
    assert frame["against persistence"].tolist() == pytest.approx([-50, 50])
    assert frame["surely, persistence"].tolist() == [True, True]
    # Nothing is a share of no error.
    assert frame["against ours"].isna().all()
    assert verdict(frame) == (
        "Of 2 fields the fine-tuned model is better than persistence for 1, better than ours for 0."
    )


def test_a_bias_is_compared_by_its_size_and_without_a_word_on_chance(table: xr.Dataset) -> None:
    frame = score_frame(table, "bias", 6, {})
    assert frame["Persistence"].tolist() == pytest.approx([-2, -2])
    assert frame["against persistence"].tolist() == pytest.approx([-50, 50])
    assert not [column for column in frame if str(column).startswith("surely")]


def test_what_has_no_best_value_is_not_compared(table: xr.Dataset) -> None:
    frame = score_frame(table, "activity", 6, {})
    assert not [column for column in frame if "against" in str(column)]
    assert verdict(frame) == ""


def test_events_are_told_apart_by_their_thresholds(table: xr.Dataset) -> None:
    frame = score_frame(table, "fss", 6, {})
    assert frame["Threshold"].tolist() == ["≥ 280 K", "≥ 280 K"]
    assert frame["Unit"].tolist() == ["–", "–"]
