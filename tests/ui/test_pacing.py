"""How often pages look at a training that shares their interpreter."""

from __future__ import annotations

import pytest

from aurora_dash.ui.pacing import LIVE_SECONDS, Lookers


def paces(num_pages: int, *, trained_here: bool) -> list[float]:
    """What each of several pages is told when all have looked."""
    lookers, pages = Lookers(), range(num_pages)
    for _ in range(2):
        told = [
            lookers.seconds(f"page {page}", trained_here=trained_here, now=0.0) for page in pages
        ]
    return told


def test_a_page_alone_looks_as_often_as_ever() -> None:
    assert paces(1, trained_here=True) == [LIVE_SECONDS]


@pytest.mark.parametrize("pages", [1, 2, 5, 50])
def test_a_training_elsewhere_is_looked_at_as_often_as_ever(pages: int) -> None:
    assert paces(pages, trained_here=False) == [LIVE_SECONDS] * pages


@pytest.mark.parametrize("pages", [2, 3, 4, 5, 7, 10])
def test_many_pages_together_look_less_often_than_one_alone(pages: int) -> None:
    together = sum(1 / seconds for seconds in paces(pages, trained_here=True))
    assert 0.5 < together < 1 / LIVE_SECONDS


def test_nobody_waits_longer_than_ten_seconds() -> None:
    assert set(paces(1_000, trained_here=True)) == {10.0}


def test_more_pages_never_look_more_often() -> None:
    found = [paces(pages, trained_here=True)[0] for pages in range(1, 12)]
    assert found == sorted(found)


def test_a_page_that_has_missed_its_looks_counts_no_more() -> None:
    lookers = Lookers()
    assert lookers.seconds("a", trained_here=True, now=0.0) == LIVE_SECONDS
    assert lookers.seconds("b", trained_here=True, now=1.0) > LIVE_SECONDS
    assert lookers.seconds("b", trained_here=True, now=4.0) > LIVE_SECONDS
    assert lookers.seconds("b", trained_here=True, now=5.1) == LIVE_SECONDS


def test_a_page_that_is_to_look_seldom_counts_until_it_misses_two_looks() -> None:
    lookers = Lookers()
    pages = [f"page {number}" for number in range(5)]
    for _ in range(2):
        told = [lookers.seconds(page, trained_here=True, now=0.0) for page in pages][-1]
    assert lookers.seconds("page 0", trained_here=True, now=2 * told) == told
