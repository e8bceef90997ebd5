"""How often pages look at a training that shares their interpreter."""

from __future__ import annotations

import pytest

from aurora_dash.ui.pacing import LIVE_SECONDS, Lookers, live_seconds


def test_a_page_alone_looks_as_often_as_ever() -> None:
    assert live_seconds(1, trained_here=True) == LIVE_SECONDS


@pytest.mark.parametrize("pages", [1, 2, 5, 50])
def test_a_training_elsewhere_is_looked_at_as_often_as_ever(pages: int) -> None:
    assert live_seconds(pages, trained_here=False) == LIVE_SECONDS


@pytest.mark.parametrize("pages", [2, 3, 4, 5, 7, 10])
def test_many_pages_together_look_less_often_than_one_alone(pages: int) -> None:
    together = pages / live_seconds(pages, trained_here=True)
    assert 0.25 / LIVE_SECONDS < together < 1 / LIVE_SECONDS


def test_nobody_waits_longer_than_ten_seconds() -> None:
    assert live_seconds(1_000, trained_here=True) == 10


def test_the_pace_changes_at_few_numbers_of_pages() -> None:
    paces = [live_seconds(pages, trained_here=True) for pages in range(1, 11)]
    assert paces == sorted(paces)
    assert len(set(paces)) == 4


def test_who_has_not_looked_for_a_while_counts_no_more() -> None:
    lookers = Lookers()
    assert [lookers.look(who, now=0.0) for who in ("a", "b", "a")] == [1, 2, 2]
    assert lookers.look("c", now=11.0) == 3
    assert lookers.look("c", now=17.0) == 1
