from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.spec import OptimiserSpec
from aurora_dash.training.schedule import lr_factor


def _factors(total: int, **options: object) -> list[float]:
    spec = OptimiserSpec(**options)
    return [lr_factor(step, total, spec) for step in range(total)]


def test_warm_up_rises_in_equal_parts_to_the_peak() -> None:
    found = _factors(8, warmup_steps=4, schedule="constant")
    assert found == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_linear_falls_from_the_peak_to_the_final_fraction() -> None:
    found = _factors(7, warmup_steps=2, schedule="linear", final_lr_fraction=0.2)
    assert found == pytest.approx([0.5, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2])


def test_cosine_is_half_a_cosine() -> None:
    found = _factors(5, warmup_steps=0, schedule="cosine", final_lr_fraction=0.1)
    # 0.1 + 0.9 * (1 + cos(pi * i / 4)) / 2
    assert found == pytest.approx([1.0, 0.8681981, 0.55, 0.2318019, 0.1])


def test_a_run_shorter_than_its_warm_up_only_rises() -> None:
    assert _factors(2, warmup_steps=10) == pytest.approx([0.1, 0.2])


def test_steps_beyond_the_end_stay_at_the_final_fraction() -> None:
    spec = OptimiserSpec(warmup_steps=0, final_lr_fraction=0.1)
    assert lr_factor(99, 5, spec) == pytest.approx(0.1)


@given(
    total=st.integers(1, 300),
    warmup=st.integers(0, 50),
    final=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "cosine", "linear"]),
)
def test_factors_stay_between_nothing_and_the_peak_and_never_rise_after_it(
    total, warmup, final, schedule
) -> None:
    found = _factors(total, warmup_steps=warmup, final_lr_fraction=final, schedule=schedule)
    assert all(0 <= factor <= 1 + 1e-12 for factor in found)
    later = found[warmup:]
    assert all(a >= b - 1e-12 for a, b in pairwise(later))


def test_a_step_schedule_falls_by_its_factor_and_not_below_the_end() -> None:
    spec = OptimiserSpec(
        schedule="step", warmup_steps=2, step_every=3, step_factor=0.5, final_lr_fraction=0.2
    )
    found = [lr_factor(step, 14, spec) for step in range(14)]
    assert found == [0.5, 1.0, *[1.0] * 3, *[0.5] * 3, *[0.25] * 3, *[0.2] * 3]
