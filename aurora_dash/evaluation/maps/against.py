"""Two sets of forecasts beside each other, at the same valid time and lead alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aurora_dash.data.axes import describe_grid
from aurora_dash.data.times import format_time
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.figures.scene import FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Other:
    """What is subtracted: the forecasts of a source, from the samples that both have."""

    forecasts: Forecasts
    source: str
    name: str
    samples: dict[int, int]
    """By a sample of the first its number among these."""
    lead_hours: tuple[int, ...]
    """Which both have."""

    @classmethod
    def of(cls, first: Forecasts, other: Forecasts, *, source: str, name: str) -> Other:
        """Match them; `EvaluationError` if they share no grid, or no valid time and lead."""
        _require_grid(first, other)
        numbers = {start: number for number, start in enumerate(other.starts.tolist())}
        starts = enumerate(first.starts.tolist())
        samples = {i: numbers[start] for i, start in starts if start in numbers}
        leads = tuple(hours for hours in first.lead_hours if hours in other.lead_hours)
        if not samples or not leads:
            raise EvaluationError(
                f"{first.name} and {name} have no valid time and lead time in common: "
                f"{_span(first)}, and {_span(other)}.",
                remedy="Compare forecasts from the same initial times, over the same leads.",
            )
        return cls(forecasts=other, source=source, name=name, samples=samples, lead_hours=leads)

    def forecast(self, at: At) -> FloatArray | None:
        """Its field (H, W) for the same valid time and lead; None where it has none."""
        if at.sample not in self.samples or at.lead_hours not in self.lead_hours:
            return None
        if at.key not in self.forecasts.variables:
            return None
        return self.forecasts.forecast(replace(at, sample=self.samples[at.sample]), self.source)


def _require_grid(first: Forecasts, other: Forecasts) -> None:
    grids = [(f.dataset["latitude"].values, f.dataset["longitude"].values) for f in (first, other)]
    if not all(np.array_equal(one, another) for one, another in zip(*grids, strict=True)):
        raise EvaluationError(
            f"{first.name} and {other.name} are on different grids: {describe_grid(*grids[0])}, "
            f"and {describe_grid(*grids[1])}.",
            remedy="Compare forecasts on the same grid: nothing is interpolated.",
        )


def _span(forecasts: Forecasts) -> str:
    starts, leads = forecasts.starts, forecasts.lead_hours
    return (
        f"{starts.size} forecasts from {format_time(starts.min())} to "
        f"{format_time(starts.max())}, {leads[0]} to {leads[-1]} hours ahead"
    )
