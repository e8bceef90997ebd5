"""The rule of ``auto``: what is added to the peak fits in half of what will be free."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.model.chunk_choice import ModelSize, Work, choose

GIB = 2**30
QUARTER_DEGREE = Work(num_rows=180, num_columns=360, num_levels=13, batch_size=1)
# 0.056 MiB for each of 64,800 patches and 13 levels are 46.07 GiB; gradients and moments of all
# weights 14.04 GiB.
FULL = ModelSize(width=512, num_perceivers=1, num_trained=1_256_300_176)
LORA = replace(FULL, num_trained=2_850_816)


@pytest.mark.parametrize(
    ("free_gib", "size", "work", "expected"),
    [
        (110, FULL, {}, 1),
        (75, FULL, {}, 2),
        (43, FULL, {}, 4),
        (19, FULL, {}, 8),
        (10, FULL, {}, 8),
        (19, LORA, {}, 5),
        (10, LORA, {}, 8),
        (19, FULL, {"with_gradient": False}, 5),
        (19, FULL, {"num_levels": 4}, 3),
        (75, FULL, {"batch_size": 2}, 4),
        (75, replace(FULL, width=256), {}, 1),
        (75, replace(FULL, num_perceivers=2), {}, 4),
        (10, replace(FULL, num_perceivers=2), {}, 16),
        (43, FULL, {"num_rows": 3}, 1),
        (14, FULL, {"num_rows": 3}, 3),
    ],
)
def test_chunks_by_memory(free_gib: int, size: ModelSize, work: dict, expected: int) -> None:
    choice = choose("auto", replace(QUARTER_DEGREE, **work), size, free_gib * GIB)
    assert choice.num_chunks == expected


def test_a_choice_says_what_it_rests_on() -> None:
    said = str(choose("auto", QUARTER_DEGREE, FULL, 43 * GIB))
    for part in ("in 4 chunks", "46.1 GiB to the peak", "43 GiB are free", "14 GiB will hold"):
        assert part in said
    assert str(choose(500, QUARTER_DEGREE, FULL, 0)).startswith("encoder and decoder run in 180 ")
    alone = replace(QUARTER_DEGREE, with_gradient=False)
    assert "in one piece, where no gradient is needed" in str(choose("auto", alone, FULL, 99 * GIB))


@given(
    rows=st.integers(1, 400),
    levels=st.integers(1, 13),
    free=st.integers(0, 100 * GIB),
    trained=st.sampled_from([0, LORA.num_trained, FULL.num_trained]),
)
def test_no_more_chunks_than_the_room_asks_for(
    rows: int, levels: int, free: int, trained: int
) -> None:
    work = Work(num_rows=rows, num_columns=40, num_levels=levels, batch_size=1)
    size = replace(FULL, num_trained=trained)
    number = choose("auto", work, size, free).num_chunks
    whole, room = rows * 40 * levels * 0.056 * 2**20, (free - 12 * trained) / 2
    most = min(rows, -(-8 * levels // 13))
    assert 1 <= number <= most
    if number < most:
        assert whole / number <= room * (1 + 1e-9)
    if number > 1:
        assert whole / (number - 1) > room * (1 - 1e-9)


@given(rows=st.integers(1, 300), chunks=st.integers(1, 300))
def test_every_row_is_in_one_chunk_and_chunks_are_alike(rows: int, chunks: int) -> None:
    parts = Work(num_rows=rows, num_columns=2, num_levels=2, batch_size=1).rows_of(chunks)
    assert sum(parts) == rows
    assert len(parts) == min(chunks, rows)
    assert max(parts) - min(parts) <= 1


def test_the_rule_needs_no_torch() -> None:
    code = "import sys, aurora_dash.model.chunk_choice; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
