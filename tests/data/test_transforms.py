from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.transforms import restored, transformed
from aurora_dash.model import transforms
from aurora_dash.spec import VariableSpec

OFFSETS = st.floats(1e-15, 1e3)
VALUES = st.floats(0, 1e5, allow_subnormal=False)


def log(offset: float) -> VariableSpec:
    return VariableSpec(name="tp", transform="log", transform_offset=offset)


SQRT = VariableSpec(name="tp", transform="sqrt")
SPECS = st.one_of(OFFSETS.map(log), st.just(SQRT))


def test_the_logarithm_is_that_of_one_plus_the_value_in_offsets() -> None:
    # 9 offsets give log 10; zero stays zero.
    found = transformed([0.0, 9e-5, 1e-5], log(1e-5))
    np.testing.assert_allclose(found, [0, math.log(10), math.log(2)])
    np.testing.assert_allclose(transformed([0.0, 9.0], SQRT), [0, 3])


def test_without_a_transform_values_stay_as_they_are() -> None:
    plain = VariableSpec(name="t_2")
    assert transformed([-3.0, 4.0], plain).tolist() == [-3, 4]
    assert restored([-3.0, 4.0], plain).tolist() == [-3, 4]


@given(SPECS, VALUES)
def test_the_inverse_gives_back_the_value(spec: VariableSpec, value: float) -> None:
    back = restored(transformed(value, spec), spec).item()
    # Digits are lost only where a value is a tiny part of the offset.
    assert back == pytest.approx(value, rel=1e-9, abs=1e-12 * (spec.transform_offset or 1))


@given(SPECS, VALUES, VALUES)
def test_a_larger_value_never_becomes_smaller(spec: VariableSpec, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert transformed(low, spec) <= transformed(high, spec)
    assert restored(low, spec) <= restored(high, spec)


@given(SPECS, st.floats(-1e30, 1e30))
def test_anything_finite_stays_finite_and_nothing_becomes_negative(
    spec: VariableSpec, value: float
) -> None:
    for found in (transformed(value, spec), restored(value, spec)):
        assert np.isfinite(found)
        assert found >= 0


@given(SPECS, st.floats(-1e6, 0))
def test_below_zero_counts_as_zero(spec: VariableSpec, value: float) -> None:
    assert transformed(value, spec) == 0
    assert restored(value, spec) == 0


@given(SPECS)
def test_missing_values_stay_missing(spec: VariableSpec) -> None:
    assert np.isnan(transformed(math.nan, spec))
    assert np.isnan(restored(math.nan, spec))


@given(SPECS, st.lists(st.floats(-1, 1e4, width=32), min_size=1, max_size=20))
def test_tensors_are_transformed_as_arrays_are(spec: VariableSpec, values: list[float]) -> None:
    tensor = torch.tensor(values, dtype=torch.float64)
    np.testing.assert_allclose(
        transforms.transformed(tensor, spec).numpy(), transformed(values, spec), rtol=1e-12
    )
    np.testing.assert_allclose(
        transforms.restored(tensor, spec).numpy(), restored(values, spec), rtol=1e-12
    )
