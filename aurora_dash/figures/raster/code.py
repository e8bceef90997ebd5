"""Values as whole numbers of two bytes, a quarter of the way to what a screen can tell apart.

Code 0 is reserved for what is no number; 1 to 65535 span the values from least to greatest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from aurora_dash.figures.colours import extent

STEPS = 65_534
"""Between the least and the greatest value."""

_TINY = 1e-37
"""A step that float32 can't divide by: such values count as one."""


@dataclass(frozen=True)
class Code:
    """Which value each code stands for."""

    low: float
    """Of code 1."""
    high: float
    """Of code 65535."""

    @classmethod
    def spanning(cls, values: NDArray[np.float32]) -> Self:
        """From the least to the greatest finite value; 0 to 0 where there is none."""
        return cls(*extent([values]))

    @property
    def step(self) -> float:
        """Between neighbouring codes, in the values' unit."""
        return (self.high - self.low) / STEPS

    def write(self, values: NDArray[np.float32]) -> NDArray[np.uint16]:
        """The nearest codes; 0 for NaN and infinities. Values must lie within the span."""
        factor = np.float32(1 / self.step if self.step > _TINY else 0.0)
        with np.errstate(invalid="ignore"):
            scaled = (values - np.float32(self.low)) * factor + np.float32(1.5)
            codes = scaled.astype(np.uint16)
        missing = ~np.isfinite(values)
        if missing.any():
            codes[missing] = 0
        return codes

    def read(self, codes: NDArray[np.uint16]) -> NDArray[np.float64]:
        """The values of codes; NaN where there is none."""
        values = self.low + (codes.astype(np.float64) - 1) * self.step
        values[codes == 0] = np.nan
        return values
