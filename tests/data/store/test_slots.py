"""Slots are given so that as much as possible stays where it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.store.slots import assign

_PAIRS = st.tuples(st.integers(0, 12), st.sampled_from("ab"))


@given(
    wanted=st.lists(_PAIRS, max_size=10, unique_by=lambda pair: pair[0]).map(sorted),
    held=st.dictionaries(st.integers(0, 14), _PAIRS, max_size=12),
)
def test_every_wanted_time_lies_in_one_slot_and_what_is_there_stays(wanted, held) -> None:
    plan = assign(wanted, held)
    assert sorted(plan.order) == list(range(len(wanted)))
    pending = dict(plan.pending)
    for slot, index in enumerate(plan.order):
        if slot in pending:
            assert pending[slot] == index
        else:
            assert held[slot] == wanted[index]
    kept = {wanted[i] for s, i in enumerate(plan.order) if s not in pending}
    there = {pair for slot, pair in held.items() if slot < len(wanted)}
    assert kept == there & set(wanted)


def test_the_missing_times_are_written_in_their_order() -> None:
    wanted = [(10, "a"), (20, "a"), (30, "b"), (40, "a")]
    plan = assign(wanted, {0: (30, "b"), 1: (20, "old")})
    assert plan.order == (2, 0, 1, 3)
    assert plan.pending == ((1, 0), (2, 1), (3, 3))
    assert plan.num_kept == 1
