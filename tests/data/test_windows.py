from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.windows import (
    Split,
    Window,
    make_windows,
    part_by_fraction,
    part_by_period,
    split_windows,
)


def _times(hours: object) -> np.ndarray:
    return np.datetime64("2024-02-28T00", "ns") + np.asarray(hours) * np.timedelta64(1, "h")


hour_sets = st.sets(st.integers(0, 60).map(lambda n: 3 * n), min_size=1, max_size=40).map(sorted)


def test_an_even_series_gives_a_window_for_each_time_but_the_first_and_last() -> None:
    windows = make_windows(_times(np.arange(20) * 6), history_hours=6, lead_hours=6)
    assert len(windows) == 18
    assert windows[0] == Window(inputs=(0, 1), targets=(2,))
    assert windows[-1] == Window(inputs=(17, 18), targets=(19,))
    assert windows[0].indices == (0, 1, 2)


def test_steps_finer_than_the_model_s_are_not_mistaken_for_its_own() -> None:
    windows = make_windows(_times(np.arange(8)), history_hours=3, lead_hours=3)
    assert windows == (Window((0, 3), (6,)), Window((1, 4), (7,)))


def test_lead_and_history_may_differ() -> None:
    windows = make_windows(_times(np.arange(6) * 6), history_hours=6, lead_hours=24)
    assert windows == (Window((0, 1), (5,)),)
    assert make_windows(_times(np.arange(4) * 12), history_hours=12, lead_hours=12) == (
        Window((0, 1), (2,)),
        Window((1, 2), (3,)),
    )


def test_a_longer_history_is_counted_back_from_the_newest() -> None:
    windows = make_windows(_times(np.arange(5) * 6), history_hours=6, lead_hours=6, history=3)
    assert windows == (Window((0, 1, 2), (3,)), Window((1, 2, 3), (4,)))


def test_a_forecast_of_several_steps_has_a_target_a_lead_time_after_each_other() -> None:
    windows = make_windows(_times(np.arange(8) * 6), history_hours=6, lead_hours=12, num_targets=2)
    assert windows == (
        Window((0, 1), (3, 5)),
        Window((1, 2), (4, 6)),
        Window((2, 3), (5, 7)),
    )
    assert windows[0].indices == (0, 1, 3, 5)


@given(
    hours=hour_sets,
    lead=st.sampled_from([3, 6, 12]),
    steps=st.integers(1, 4),
    stride=st.integers(1, 5),
)
def test_every_nth_sample_has_exactly_the_targets_of_its_steps(
    hours: list[int], lead: int, steps: int, stride: int
) -> None:
    windows = make_windows(
        _times(hours), history_hours=6, lead_hours=lead, num_targets=steps, stride=stride
    )
    starts = [
        h
        for h in hours
        if {h - 6, *(h + lead * step for step in range(1, steps + 1))} <= set(hours)
    ]
    assert [hours[window.inputs[-1]] for window in windows] == starts[::stride]
    for window in windows:
        newest = hours[window.inputs[-1]]
        assert [hours[i] - newest for i in window.targets] == [
            lead * step for step in range(1, steps + 1)
        ]


def test_a_gap_loses_the_windows_across_it_only() -> None:
    hours = np.delete(np.arange(10) * 6, 5)
    windows = make_windows(_times(hours), history_hours=6, lead_hours=6)
    for window in windows:
        assert 30 not in hours[list(window.indices)]
    assert len(windows) == 8 - 3


@given(hours=hour_sets, history=st.sampled_from([3, 6, 12]), lead=st.sampled_from([3, 6, 12, 24]))
def test_windows_are_exactly_those_whose_times_are_all_there(
    hours: list[int], history: int, lead: int
) -> None:
    windows = make_windows(_times(hours), history_hours=history, lead_hours=lead)
    found = {tuple(hours[i] for i in window.indices) for window in windows}
    expected = {(h - history, h, h + lead) for h in hours if {h - history, h + lead} <= set(hours)}
    assert found == expected
    assert len(found) == len(windows)


def _split(windows: tuple[Window, ...], times: np.ndarray, fraction: float, gap: int = 0) -> Split:
    return split_windows(windows, part_by_fraction(windows, times, fraction, gap_hours=gap))


def _used(windows: tuple[Window, ...]) -> set[int]:
    return {index for window in windows for index in window.indices}


@given(
    hours=hour_sets,
    fraction=st.floats(0, 0.99),
    lead=st.sampled_from([6, 24]),
    steps=st.integers(1, 3),
    stride=st.integers(1, 4),
    gap=st.sampled_from([0, 3, 6, 7, 30]),
)
def test_training_ends_the_gap_before_validation_begins(
    hours: list[int], fraction: float, lead: int, steps: int, stride: int, gap: int
) -> None:
    times = _times(hours)
    windows = make_windows(
        times, history_hours=6, lead_hours=lead, num_targets=steps, stride=stride
    )
    split = _split(windows, times, fraction, gap)
    trained, validated = _used(split.train), _used(split.validation)
    assert trained.isdisjoint(validated)
    if trained and validated:
        distance = hours[min(validated)] - hours[max(trained)]
        assert distance >= gap
        assert distance > 0
    assert set(split.train) | set(split.validation) <= set(windows)
    if windows:
        wanted = 0 if fraction == 0 else max(1, round(len(windows) * fraction))
        assert len(split.validation) == wanted
    if fraction == 0:
        assert split.train == windows


@given(
    hours=hour_sets,
    bounds=st.tuples(st.integers(-20, 200), st.integers(-20, 200)).map(sorted),
    open_ends=st.sampled_from([(False, False), (True, False), (False, True)]),
    lead=st.sampled_from([6, 24]),
    steps=st.integers(1, 3),
    gap=st.sampled_from([0, 3, 12, 25]),
)
def test_no_time_in_or_near_the_validation_period_is_trained_on(
    hours: list[int],
    bounds: list[int],
    open_ends: tuple[bool, bool],
    lead: int,
    steps: int,
    gap: int,
) -> None:
    times = _times(hours)
    windows = make_windows(times, history_hours=6, lead_hours=lead, num_targets=steps)
    low = None if open_ends[0] else bounds[0]
    high = None if open_ends[1] else bounds[1]
    parts = part_by_period(times, _moment(low), _moment(high), gap_hours=gap)
    split = split_windows(windows, parts)
    inside = [h for h in hours if (low is None or h >= low) and (high is None or h <= high)]
    near = {
        h for h in hours if (low is None or h > low - gap) and (high is None or h < high + gap)
    } | set(inside)
    for window in windows:
        used = {hours[i] for i in window.indices}
        assert (window in split.validation) == (used <= set(inside))
        assert (window in split.train) == used.isdisjoint(near)


def _moment(hour: int | None) -> datetime | None:
    return None if hour is None else datetime(2024, 2, 28, tzinfo=UTC) + timedelta(hours=hour)


def test_a_period_in_the_middle_leaves_both_sides_for_training() -> None:
    times = _times(np.arange(12) * 6)
    windows = make_windows(times, history_hours=6, lead_hours=6)
    parts = part_by_period(times, _moment(24), _moment(42), gap_hours=12)
    split = split_windows(windows, parts)
    # Times 4 to 7 validate; 3 and 8 are less than 12 h away from them.
    assert split.validation == (Window((4, 5), (6,)), Window((5, 6), (7,)))
    assert split.train == (Window((0, 1), (2,)), Window((9, 10), (11,)))


def test_a_period_is_meant_in_utc_whatever_its_zone() -> None:
    times = _times(np.arange(12) * 6)
    oslo = timezone(timedelta(hours=1))
    start = datetime(2024, 2, 29, 1, tzinfo=oslo)
    assert part_by_period(times, start, None).validation.tolist() == [False] * 4 + [True] * 8


def test_the_gap_costs_as_little_as_possible() -> None:
    times = _times(np.arange(20) * 6)
    windows = make_windows(times, history_hours=6, lead_hours=6)
    split = _split(windows, times, 0.2)
    # 4 of 18 for validation: targets 16 to 19, inputs from 14 on; training ends at time 13.
    assert [window.targets for window in split.validation] == [(16,), (17,), (18,), (19,)]
    assert [window.targets for window in split.train] == [(i,) for i in range(2, 14)]
    # A day between: time 10 is the last.
    assert _split(windows, times, 0.2, 24).train == split.train[:-3]


def test_the_order_in_which_windows_are_given_does_not_matter() -> None:
    times = _times(np.arange(12) * 6)
    windows = make_windows(times, history_hours=6, lead_hours=6)
    assert part_by_fraction(windows[::-1], times, 0.3).validation.tolist() == (
        part_by_fraction(windows, times, 0.3).validation.tolist()
    )


@pytest.mark.parametrize(
    "wrong",
    [{"history_hours": 0}, {"lead_hours": -6}, {"history": 0}, {"num_targets": 0}, {"stride": 0}],
)
def test_senseless_numbers_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make_windows(_times([0, 6]), **{"history_hours": 6, "lead_hours": 6, **wrong})


@pytest.mark.parametrize("fraction", [-0.1, 1.0])
def test_a_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        part_by_fraction((), _times([0]), fraction)


def test_a_negative_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="gap_hours"):
        part_by_period(_times([0]), None, None, gap_hours=-1)
