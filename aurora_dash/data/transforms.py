"""What brings a skewed variable, such as precipitation, closer to a normal distribution.

    log:  y = log(1 + x / offset)    x = offset (exp(y) - 1)
    sqrt: y = sqrt(x)                x = y^2

Both take values from zero up; what lies below counts as zero, and the data check says so or
refuses it. `aurora_dash.model.transforms` does the same to tensors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.spec import VariableSpec

Numbers = NDArray[np.float64]

LARGEST_LOGARITHM = 60.0
"""Where the inverse of ``log`` stops: e^60 offsets are more than any field has, and finite."""

# Packing in files moves zeros a little below zero: so much of the largest value is forgiven.
NEGATIVE_SLACK = 1e-3


def transformed(values: ArrayLike, variable: VariableSpec) -> Numbers:
    """Values in physical units as the model normalises them, in double precision; NaN stays."""
    numbers: Numbers = np.asarray(values, dtype=np.float64)
    if variable.transform == "none":
        return numbers
    numbers = np.maximum(numbers, 0.0)
    if variable.transform == "sqrt":
        return np.sqrt(numbers)
    assert variable.transform_offset is not None
    return np.log1p(numbers / variable.transform_offset)


def restored(values: ArrayLike, variable: VariableSpec) -> Numbers:
    """Inverse of `transformed`; what no value is transformed to, below zero, gives zero."""
    numbers: Numbers = np.asarray(values, dtype=np.float64)
    if variable.transform == "none":
        return numbers
    numbers = np.maximum(numbers, 0.0)
    if variable.transform == "sqrt":
        return np.square(numbers)
    assert variable.transform_offset is not None
    return np.expm1(np.minimum(numbers, LARGEST_LOGARITHM)) * variable.transform_offset
