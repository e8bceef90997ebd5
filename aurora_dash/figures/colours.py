"""Which colours a field gets, and which values they span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from aurora_dash.variables import Variable

_SIGNED, _OF_SIGNED = "cmc.vik", "cmc.bam"
"""Both white in the middle; the second tells a difference from the signed field that it is of."""
_BOTH_SIGNS = 0.1


@dataclass(frozen=True, kw_only=True)
class ColourScale:
    """A colour map and the values at its ends."""

    cmap: str
    """Name for `colour_map`."""
    low: float
    high: float


def field_scale(variable: Variable, fields: Sequence[NDArray[np.float32]]) -> ColourScale:
    """One scale for several fields of a variable, so that equal colours mean equal values.

    A signed variable is centred on zero, and so is one that a person registered if its values are
    of both signs; one that can't be negative starts at zero if its values come near; a direction
    spans the circle.
    """
    if variable.circular:
        return ColourScale(cmap=variable.cmap, low=0.0, high=360.0)
    low, high = extent(fields)
    cmap = variable.cmap
    if variable.diverging or (variable.user_registered and _has_both_signs(low, high)):
        cmap = variable.cmap if variable.diverging else _SIGNED
        most = max(abs(low), abs(high))
        low, high = -most, most
    elif variable.bounds[0] == 0 and 0 <= low < high / 4:
        low = 0.0
    return _open(ColourScale(cmap=cmap, low=low, high=high))


def difference_scale(variable: Variable, differences: Sequence[NDArray[np.float32]]) -> ColourScale:
    """Diverging and symmetric about zero, in other colours than a signed field itself has."""
    most = max(abs(bound) for bound in extent(differences))
    cmap = _OF_SIGNED if variable.cmap == _SIGNED else _SIGNED
    return _open(ColourScale(cmap=cmap, low=-most, high=most))


def colour_map(name: str) -> Colormap:
    """One of matplotlib's own, or (``cmc.`` in front) one of Crameri's scientific colour maps.

    Crameri, F., Shephard, G. E. and Heron, P. J. (2020), The misuse of colour in science
    communication, Nature Communications 11, 5444: perceptually uniform, safe for colour-blind
    people, and diverging ones are white in the middle, which matplotlib's uniform ones are not.
    """
    if name.startswith("cmc."):
        # Reads all its maps when it is imported, for which no page that draws none should wait.
        from cmcrameri import cm

        crameri: Colormap = cm.cmaps[name.removeprefix("cmc.")]
        return crameri
    return colormaps[name]


@cache
def colour_table(cmap: str) -> NDArray[np.uint8]:
    """A colour map as red, green, blue and opacity (256, 4) from low to high."""
    return np.asarray(colour_map(cmap)(np.linspace(0, 1, 256), bytes=True), dtype=np.uint8)


def extent(fields: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
    """Smallest and largest finite value of all fields; zeros where there is none."""
    spans = [span for span in map(_finite_span, fields) if span is not None]
    if not spans:
        return 0.0, 0.0
    return min(low for low, _ in spans), max(high for _, high in spans)


def _finite_span(values: NDArray[np.float32]) -> tuple[float, float] | None:
    low = np.fmin.reduce(values, axis=None, initial=np.inf)
    high = np.fmax.reduce(values, axis=None, initial=-np.inf)
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = values[np.isfinite(values)]
        if not finite.size:
            return None
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def _has_both_signs(low: float, high: float) -> bool:
    return low < 0 < high and min(-low, high) > _BOTH_SIGNS * max(-low, high)


def _open(scale: ColourScale) -> ColourScale:
    """A scale whose ends differ, also where the field is constant or has no value."""
    if scale.high > scale.low:
        return scale
    half = max(abs(scale.low) * 0.01, 1e-6)
    return ColourScale(cmap=scale.cmap, low=scale.low - half, high=scale.high + half)
