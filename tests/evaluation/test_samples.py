from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.windows import TimeParts, make_windows, part_by_fraction, split_windows
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.samples import Sample, make_samples

START = np.datetime64("2025-06-01T00", "ns")


def _times(hours: list[int]) -> np.ndarray:
    return START + np.array(hours).astype("timedelta64[h]")


def _parts(times: np.ndarray, fraction: float) -> TimeParts:
    windows = make_windows(times, history_hours=6, lead_hours=6)
    return part_by_fraction(windows, times, fraction)


def _samples(hours: list[int], *, fraction: float = 0.25, **fields: object) -> tuple[Sample, ...]:
    times = _times(hours)
    request = EvaluationRequest.build({"run": "r", **fields})
    return make_samples(
        times, request, history_hours=6, lead_hours=6, parts=_parts(times, fraction)
    )


def test_a_forecast_counts_at_the_leads_whose_targets_exist() -> None:
    assert _samples([0, 6, 12, 18, 24], leads=2) == (
        Sample((0, 1), {1: 2, 2: 3}),
        Sample((1, 2), {1: 3, 2: 4}),
        Sample((2, 3), {1: 4}),
    )


def test_a_gap_loses_one_lead_and_not_the_next() -> None:
    # 12 is missing: the forecast from 6 has its target at 18 only, two steps on.
    assert _samples([0, 6, 18, 24, 30], leads=2) == (
        Sample((0, 1), {2: 2}),
        Sample((2, 3), {1: 4}),
    )
    assert _samples([0, 6, 18], leads=2)[0].steps == 2


def test_the_norway_period_has_eighteen_samples() -> None:
    assert len(_samples(list(range(0, 120, 6)))) == 18


def test_max_samples_keeps_the_first() -> None:
    samples = _samples(list(range(0, 120, 6)), max_samples=3)
    assert [sample.inputs for sample in samples] == [(0, 1), (1, 2), (2, 3)]


HOURS = st.lists(st.integers(0, 40).map(lambda n: 6 * n), min_size=3, max_size=41, unique=True)


@given(HOURS.map(sorted), st.floats(0.05, 0.9), st.sampled_from(["train", "validation"]))
def test_at_one_lead_the_parts_are_those_of_the_training(
    hours: list[int], fraction: float, part: str
) -> None:
    times = _times(hours)
    windows = make_windows(times, history_hours=6, lead_hours=6)
    expected = getattr(split_windows(windows, _parts(times, fraction)), part)
    try:
        samples = _samples(hours, fraction=fraction, split=part)
    except EvaluationError:
        samples = ()
    assert {(s.inputs, s.targets[1]) for s in samples} == {(w.inputs, *w.targets) for w in expected}


@given(HOURS.map(sorted), st.integers(1, 4))
def test_a_rollout_in_one_part_uses_no_time_of_the_other(hours: list[int], leads: int) -> None:
    used = {}
    for part in ("train", "validation"):
        try:
            samples = _samples(hours, leads=leads, split=part)
        except EvaluationError:
            samples = ()
        used[part] = {i for s in samples for i in (*s.inputs, *s.targets.values())}
    assert not used["train"] & used["validation"]


@given(HOURS.map(sorted), st.integers(1, 4))
def test_targets_lie_their_lead_after_the_start(hours: list[int], leads: int) -> None:
    try:
        samples = _samples(hours, leads=leads)
    except EvaluationError:
        return
    times = _times(hours)
    for sample in samples:
        older, newer = (times[i] for i in sample.inputs)
        assert newer - older == np.timedelta64(6, "h")
        for step, target in sample.targets.items():
            assert times[target] - newer == np.timedelta64(6 * step, "h")


def test_no_sample_is_an_error_that_says_what_was_needed() -> None:
    with pytest.raises(EvaluationError, match=r"two times 6 hours apart.*has 3 times from 2025"):
        _samples([0, 12, 24])
    with pytest.raises(EvaluationError, match="has 0 times"):
        _samples([])


def test_a_part_that_is_empty_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="keeps nothing back"):
        _samples([0, 6, 12, 18], fraction=0.0, split="validation")
