"""Numbers, sizes and moments in words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from aurora_dash.ui import words

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7_500, "2 h 05 min"),
        (48 * 3600, "2 d 0 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0853, "85 ms"), (1.236, "1.24 s"), (None, "–")])
def test_step_times(seconds: float | None, text: str) -> None:
    assert words.short_seconds(seconds) == text


def test_a_moment_is_told_in_utc_and_says_so() -> None:
    oslo = datetime(2025, 6, 1, 20, tzinfo=timezone(timedelta(hours=2)))
    assert words.moment(oslo) == "2025-06-01 18:00 UTC"


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5, seconds=40), "5 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=3), "3 d ago"),
    ],
)
def test_how_long_ago(before: timedelta, text: str) -> None:
    assert words.ago(NOW - before, now=NOW) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (512, "512 B"),
        (2**29, "512 MiB"),
        (23.4 * 2**30, "23.4 GiB"),
        (2**41, "2.0 TiB"),
    ],
)
def test_sizes(count: float | None, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(1_563_984, "1.6 M"), (112_797_584, "113 M"), (1_256_300_176, "1.26 B")],
)
def test_parameters(count: int, text: str) -> None:
    assert words.parameters(count) == text


def test_nouns_follow_their_count() -> None:
    assert (words.several(1, "core"), words.several(2, "core")) == ("1 core", "2 cores")


def test_equal_labels_are_told_apart_and_others_left_alone() -> None:
    assert words.distinct({"a": "demo", "b": "demo", "c": "norway"}) == {
        "a": "demo · a",
        "b": "demo · b",
        "c": "norway",
    }


def test_how_much_is_trained() -> None:
    assert words.trained(1_563_984, 1_563_984) == "all 1,563,984 parameters trained"
    assert words.trained(32_256, 1_596_240) == "32,256 of 1,596,240 parameters trained (2 %)"
    assert words.trained(500, 1_000) == "500 of 1,000 parameters trained (50 %)"
