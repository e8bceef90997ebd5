"""How much better than a reference, and whether that is more than chance. Free of torch.

Forecasts from neighbouring times share their weather and so their errors. So blocks of neighbouring
initial times are drawn with replacement, not single ones: the moving-block bootstrap (Künsch 1989).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aurora_dash.evaluation.measures import Measure, Values, score_values

REPLICATES = 1000
_REPLICATES_TOGETHER = 100


@dataclass(frozen=True, kw_only=True)
class Skill:
    """1 - score / score of the reference, and the interval in which it lies; NaN: not known."""

    value: Values
    low: Values
    high: Values

    @property
    def significant(self) -> NDArray[np.bool_]:
        """Whether zero lies outside the interval."""
        return (self.low > 0) | (self.high < 0)


def default_block(num_forecasts: int) -> int:
    """Forecasts a block: the cube root of their number, the order that is best for a variance
    (Künsch 1989)."""
    return max(1, round(math.cbrt(num_forecasts)))


def block_counts(num_forecasts: int, block: int, replicates: int, seed: int) -> Values:
    """How often each forecast is drawn in each replicate, (replicates, forecasts).

    Blocks of `block` neighbours begin anywhere that they fit; the last is cut, so that every
    replicate has as many forecasts as there are.
    """
    block = min(block, num_forecasts)
    rng = np.random.default_rng(seed)
    num_blocks = -(-num_forecasts // block)
    starts = rng.integers(0, num_forecasts - block + 1, (replicates, num_blocks))
    drawn = (starts[..., None] + np.arange(block)).reshape(replicates, -1)[:, :num_forecasts]
    rows = np.repeat(np.arange(replicates), num_forecasts)
    counts = np.zeros((replicates, num_forecasts))
    np.add.at(counts, (rows, drawn.ravel()), 1.0)
    return counts


def skill_scores(
    measure: Measure,
    sums: dict[str, Values],
    pairs: Sequence[tuple[int, int]],
    *,
    confidence: float,
    block: int | None,
    seed: int = 0,
) -> Skill:
    """Skill of each pair (source, reference), arrays (lead, field, area, pair).

    `sums` are (forecast, lead, field, area, source), what the measure needs and ``weight``. The
    interval holds `confidence` of the replicates, as much below it as above. With one forecast
    there is none. The same forecasts are drawn for both of a pair.
    """
    num_forecasts = len(sums["weight"])
    everything = {name: array.sum(axis=0) for name, array in sums.items()}
    value = _skill(measure, everything, pairs)
    low, high = np.full_like(value, np.nan), np.full_like(value, np.nan)
    if num_forecasts > 1:
        size = default_block(num_forecasts) if block is None else block
        counts = block_counts(num_forecasts, size, REPLICATES, seed)
        tail = 50 * (1 - confidence)
        # Lead by lead, so that replicates of all fields and areas take little memory.
        for lead in range(value.shape[0]):
            drawn = _replicates(measure, sums, lead, pairs, counts)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
                low[lead], high[lead] = np.nanpercentile(drawn, [tail, 100 - tail], axis=0)
    return Skill(value=value, low=low, high=high)


def _replicates(
    measure: Measure,
    sums: dict[str, Values],
    lead: int,
    pairs: Sequence[tuple[int, int]],
    counts: Values,
) -> Values:
    """Skill in each replicate, (replicate, field, area, pair)."""
    at_lead = {name: np.asarray(array[:, lead]) for name, array in sums.items()}
    parts = []
    for first in range(0, len(counts), _REPLICATES_TOGETHER):
        some = counts[first : first + _REPLICATES_TOGETHER]
        drawn = {name: np.tensordot(some, array, axes=1) for name, array in at_lead.items()}
        parts.append(_skill(measure, drawn, pairs))
    return np.concatenate(parts)


def _skill(measure: Measure, sums: dict[str, Values], pairs: Sequence[tuple[int, int]]) -> Values:
    scores = score_values(measure, sums)
    of = scores[..., [source for source, _ in pairs]]
    reference = scores[..., [reference for _, reference in pairs]]
    with np.errstate(divide="ignore", invalid="ignore"):
        skill = 1 - of / reference
    return np.where(np.isfinite(skill), skill, np.nan)
