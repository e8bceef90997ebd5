"""Which colours a field gets, and which values they span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from aurora_dash.variables import Variable

_SHADES = 48


@dataclass(frozen=True, kw_only=True)
class ColourScale:
    """A named colour map of matplotlib and the values at its ends."""

    cmap: str
    low: float
    high: float


def field_scale(variable: Variable, fields: Sequence[NDArray[np.float32]]) -> ColourScale:
    """One scale for several fields of a variable, so that equal colours mean equal values.

    A signed variable is centred on zero; one that can't be negative starts at zero if its values
    come near; a direction spans the circle.
    """
    if variable.circular:
        return ColourScale(cmap=variable.cmap, low=0.0, high=360.0)
    low, high = _extent(fields)
    if variable.diverging:
        most = max(abs(low), abs(high))
        low, high = -most, most
    elif variable.bounds[0] == 0 and 0 <= low < high / 4:
        low = 0.0
    return _open(ColourScale(cmap=variable.cmap, low=low, high=high))


def difference_scale(variable: Variable, differences: Sequence[NDArray[np.float32]]) -> ColourScale:
    """Diverging and symmetric about zero, in other colours than a signed field itself has."""
    most = max(abs(bound) for bound in _extent(differences))
    cmap = "PuOr_r" if variable.cmap == "RdBu_r" else "RdBu_r"
    return _open(ColourScale(cmap=cmap, low=-most, high=most))


@cache
def plotly_colours(cmap: str) -> tuple[tuple[float, str], ...]:
    """A colour map of matplotlib as Plotly's (position, colour) pairs."""
    positions = np.linspace(0, 1, _SHADES)
    return tuple((float(at), to_hex(colormaps[cmap](at))) for at in positions)


def _extent(fields: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    finite = [field[np.isfinite(field)] for field in fields]
    values = np.concatenate(finite) if finite else np.empty(0)
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _open(scale: ColourScale) -> ColourScale:
    """A scale whose ends differ, also where the field is constant or has no value."""
    if scale.high > scale.low:
        return scale
    half = max(abs(scale.low) * 0.01, 1e-6)
    return ColourScale(cmap=scale.cmap, low=scale.low - half, high=scale.high + half)
