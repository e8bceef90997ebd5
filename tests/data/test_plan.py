from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.data.plan import Span, describe_split, split_times, training_times, windows_of
from aurora_dash.data.windows import Window
from aurora_dash.spec import DataSpec, ModelSpec, RunSpec


def _times(count: int) -> np.ndarray:
    return np.datetime64("2025-06-01T00", "ns") + np.arange(count) * np.timedelta64(6, "h")


def _spec(variant: str = "small", **data: object) -> RunSpec:
    return RunSpec(model=ModelSpec(variant=variant), data=DataSpec(**data))


def test_every_nth_sample_is_used_for_training_and_validation() -> None:
    times = _times(20)
    every = windows_of(_spec(), times)
    assert windows_of(_spec(stride=3), times) == every[::3]
    split = split_times(_spec(stride=3, validation_fraction=0.5), times)
    # Six samples begin at times 0, 3, 6, 9, 12, 15; the last three validate, from 9 on.
    assert [window.inputs[0] for window in split.validation] == [9, 12, 15]
    assert [window.inputs[0] for window in split.train] == [0, 3, 6]
    assert training_times(split.train) == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_history_and_lead_are_those_of_the_variant_unless_the_lead_is_chosen() -> None:
    assert windows_of(_spec(), _times(4))[0] == Window((0, 1), (2,))
    assert windows_of(_spec("0.25-12h-pretrained"), _times(6))[0] == Window((0, 2), (4,))
    assert windows_of(_spec("v1.5", lead_hours=18), _times(6))[0] == Window((0, 1), (4,))


def test_a_period_is_used_instead_of_the_fraction() -> None:
    split = split_times(_spec(validation_start="2025-06-03T00:00Z"), _times(16))
    assert {index for window in split.validation for index in window.indices} == set(range(8, 16))
    assert training_times(split.train) == list(range(8))


def test_the_split_is_told_in_numbers_and_dates() -> None:
    period = {"validation_start": "2025-06-03T00:00Z", "validation_end": "2025-06-03T18:00Z"}
    summary = describe_split(_spec(**period, gap_hours=12), _times(16))
    assert summary.spans == (
        Span(use="train", first="2025-06-01T00:00Z", last="2025-06-02T12:00Z", num_times=7),
        Span(use="gap", first="2025-06-02T18:00Z", last="2025-06-02T18:00Z", num_times=1),
        Span(use="validation", first="2025-06-03T00:00Z", last="2025-06-03T18:00Z", num_times=4),
        Span(use="gap", first="2025-06-04T00:00Z", last="2025-06-04T00:00Z", num_times=1),
        Span(use="train", first="2025-06-04T06:00Z", last="2025-06-04T18:00Z", num_times=3),
    )
    assert (summary.num_train, summary.num_validation, summary.num_left_out) == (6, 2, 6)
    assert summary.to_dict()["spans"][1]["use"] == "gap"


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_times_give_no_sample(count: int) -> None:
    summary = describe_split(_spec(), _times(count))
    assert (summary.num_train, summary.num_validation) == (0, 0)
