"""Curves of metrics that grow: what is kept of earlier rows changes nothing of what is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.figures.training import smoothed
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui.series import RunSeries, series_of


def _records(first: int, last: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Records of the steps from `first` up to `last`, some of them without some values."""
    return [
        {
            "step": step,
            "split": "train",
            "time": 100.0 + 30 * step,
            "loss": float(rng.normal()) if rng.random() > 0.1 else None,
            "loss/z/500": float(rng.random()),
            "loss/z/850": float(rng.random()),
            **({"weight_norm/encoder": float(step)} if step % 10 == 0 else {}),
        }
        for step in range(first, last)
    ]


def _drawn(series: RunSeries, **how: Any) -> list[np.ndarray]:
    curves = [
        series.curve("Step", "loss", max_points=50, **how),
        series.curve("Minutes", "loss", smoothing=0.9, max_points=50, **how),
        series.mean("Step", ["loss/z/500", "loss/z/850"], max_points=50, **how),
        series.sparse("Step", "weight_norm/encoder", max_points=50, **how),
    ]
    return [array for curve in curves for array in curve]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(2, 900), min_size=1, max_size=4, unique=True),
    st.sampled_from([{}, {"within": "newest"}, {"within": (3.0, 40.0)}]),
)
def test_a_run_that_grew_is_drawn_as_if_it_were_read_at_once(
    ends: list[int], how: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    table = MetricsTable(Path("metrics.jsonl"))
    growing, begin = RunSeries(table), 1
    for end in sorted(ends):
        table.extend(_records(begin, end, rng))
        begin = end
        for mine, fresh in zip(
            _drawn(growing, **how), _drawn(RunSeries(table), **how), strict=True
        ):
            np.testing.assert_allclose(mine, fresh, rtol=1e-9)


def test_smoothing_that_goes_on_equals_smoothing_of_all() -> None:
    table, rng = MetricsTable(Path("metrics.jsonl")), np.random.default_rng(1)
    series = RunSeries(table)
    for begin in range(1, 300, 7):
        table.extend(_records(begin, begin + 7, rng))
        x, y = series.curve("Step", "loss", smoothing=0.95)
        np.testing.assert_allclose(y, smoothed(table.column("loss"), 0.95), rtol=1e-9)
        np.testing.assert_array_equal(x, table.column("step"))


def test_rows_that_a_resume_repeats_are_drawn_as_the_newer_says() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    series = RunSeries(table)
    table.extend({"step": s, "split": "train", "loss": 1.0} for s in range(1, 101))
    held = series.curve("Step", "loss")[1]
    table.extend({"step": s, "split": "train", "loss": 2.0} for s in range(50, 61))
    x, y = series.curve("Step", "loss")
    assert x[-1] == 60
    assert y.tolist() == [1.0] * 49 + [2.0] * 11
    assert held.tolist() == [1.0] * 100


def test_a_zoom_shows_every_point_of_its_stretch() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    table.extend({"step": s, "split": "train", "loss": float(s % 7)} for s in range(1, 10_001))
    coarse, _ = RunSeries(table).curve("Step", "loss", max_points=100)
    fine, values = RunSeries(table).curve("Step", "loss", max_points=100, within=(500.0, 560.0))
    within = fine[(fine >= 500) & (fine <= 560)]
    assert within.tolist() == list(range(500, 561))
    assert (fine[0], fine[-1]) == (1, 10_000)
    assert fine.size < coarse.size + 100
    np.testing.assert_array_equal(values, fine % 7)


def test_means_by_bin_leave_the_last_one_out_while_it_changes() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    table.extend({"step": s, "split": "train", "loss": float(s)} for s in range(1, 1001))
    x, y = RunSeries(table).means("Step", "loss", 100)
    assert x[:2].tolist() == [16, 32]
    assert y[:2].tolist() == [8.5, 24.5]
    assert x[-1] == 992


def test_all_who_look_share_one_series_of_a_table(tmp_path: Path) -> None:
    table = MetricsTable(tmp_path / "metrics.jsonl")
    assert series_of(table) is series_of(table)
    assert series_of(MetricsTable(table.path)) is not series_of(table)


def test_an_unknown_column_is_all_gaps() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    table.extend({"step": s, "split": "train"} for s in (1, 2))
    assert np.isnan(RunSeries(table).curve("Step", "nothing")[1]).all()


def test_columns_can_not_be_written_to() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    table.extend([{"step": 1, "split": "train", "loss": 1.0}])
    with pytest.raises(ValueError, match="read-only"):
        table.column("loss")[0] = 2


def test_minutes_go_on_when_the_clock_is_moved_back() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    for step in range(1, 301):
        # A minute a step; after step 200 the clock is an hour behind.
        time = 1.8e9 + 60 * step - (3600 if step > 200 else 0)
        table.extend([{"step": step, "split": "train", "time": time, "loss": float(step)}])
    minutes, losses = RunSeries(table).curve("Minutes", "loss")
    expected = [step - 1.0 if step <= 200 else step - 2.0 for step in range(1, 301)]
    np.testing.assert_allclose(minutes, expected)
    assert losses.tolist() == list(range(1, 301))
    zoomed, there = RunSeries(table).curve("Minutes", "loss", max_points=20, within=(240.0, 250.0))
    inside = there[(zoomed >= 240) & (zoomed <= 250)]
    assert inside.tolist() == list(range(242, 253))


def test_the_newest_tenth_moves_in_leaps_so_that_a_chart_mostly_grows() -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    starts = []
    for step in range(1, 4001):
        table.extend([{"step": step, "split": "train", "loss": float(step)}])
        if step > 2000:
            x, _ = RunSeries(table).curve("Step", "loss", within="newest")
            starts.append(x[0])
            assert step // 10 <= step - x[0] + 1 <= 0.115 * step
    assert len(set(starts)) <= 2000 / 16 + 2


@pytest.mark.parametrize("split", ["train", "validation"])
def test_what_few_records_have_is_sparse_and_smoothed_where_it_is(split: str) -> None:
    table = MetricsTable(Path("metrics.jsonl"))
    table.extend(
        {"step": s, "split": split, "loss": 1.0, **({"lr": float(s)} if s % 10 == 0 else {})}
        for s in range(1, 101)
    )
    series = RunSeries(table)
    assert not series.is_sparse("loss", split)
    assert series.is_sparse("lr", split)
    x, y = series.sparse("Step", "lr", split, smoothing=0.5)
    assert x.tolist() == list(range(10, 101, 10))
    np.testing.assert_allclose(y, smoothed(np.arange(10.0, 101.0, 10.0), 0.5))
