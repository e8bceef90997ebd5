"""Long metrics files are read by Arrow, and hold what line by line reading finds in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.runs import columns, metrics
from aurora_dash.runs.columns import block_of
from aurora_dash.runs.metrics import MetricsTable

NUMBERS = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
RECORDS = st.fixed_dictionaries(
    {"step": st.integers(0, 30), "split": st.sampled_from(["train", "validation"])},
    optional={
        "time": st.floats(0, 100),
        "loss": NUMBERS | st.none(),
        "lr": NUMBERS,
        "device": st.text(max_size=3),
        "flag": st.booleans(),
    },
)
LINES = st.lists(RECORDS.map(json.dumps) | st.sampled_from(["", "[1]", "{}", '{"st', "7 8"]))


def _steps(count: int, **more: Any) -> str:
    lines = [
        json.dumps({"step": s, "split": "train", "time": 5.0 + s, "loss": s / 4, **more})
        for s in range(count)
    ]
    return "".join(f"{line}\n" for line in lines)


def _tables(path: Path) -> tuple[MetricsTable, MetricsTable]:
    """The table of a file as it is read, and as it is read line by line alone."""
    table, slow = MetricsTable(path), MetricsTable(path)
    with patch.object(columns, "_FEWEST_BYTES", 0):
        table.refresh()
    with patch.object(metrics, "block_of", lambda lines: None):
        slow.refresh()
    return table, slow


def _assert_same(one: MetricsTable, other: MetricsTable) -> None:
    assert set(one.splits) == set(other.splits)
    assert one.damaged == other.damaged
    for split in one.splits:
        assert set(one.names(split)) == set(other.names(split))
        for name, values in other.columns(split).items():
            np.testing.assert_array_equal(one.column(name, split), values)


@given(st.lists(LINES, min_size=1, max_size=3))
def test_both_ways_of_reading_find_the_same(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    for part in parts:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in part))
        _assert_same(*_tables(path))


def test_regular_records_take_the_quick_way(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(_steps(2000), encoding="utf-8")
    block = block_of(path.read_bytes().rstrip())
    assert block is not None
    assert block.splits["train"]["loss"].tolist() == [s / 4 for s in range(2000)]
    _assert_same(*_tables(path))


def test_a_resumed_run_and_a_clock_moved_back_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(_steps(20), encoding="utf-8")
    quick = MetricsTable(path)
    with patch.object(columns, "_FEWEST_BYTES", 0):
        quick.refresh()
        with path.open("a", encoding="utf-8") as file:
            file.write(_steps(25).replace("0.25", "9"))
        quick.refresh()
    _, slow = _tables(path)
    _assert_same(quick, slow)
    assert quick.column("loss")[1] == 9
    assert quick.num_rows() == 25


@pytest.mark.parametrize(
    "line",
    [
        '{"step": 3, "split": "train", "time": 9, "loss": null}',
        '{"split": "train", "time": 9}',
        '{"step": 3.5, "split": "train", "time": 9}',
        '{"step": 3, "time": 9}',
        '{"step": 3, "split": "train"}',
        '{"step": 3, "split": "train", "time": 9}{"step": 4, "split": "train", "time": 9}',
        '{"step": 3, "split": "tr',
    ],
)
def test_what_only_single_lines_tell_is_left_to_them(line: str) -> None:
    with patch.object(columns, "_FEWEST_BYTES", 0):
        assert block_of(_steps(3).encode().rstrip()) is not None
        assert block_of((_steps(3) + line).encode()) is None
