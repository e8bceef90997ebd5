"""Scores: a statistic at each point, its weighted mean, and only then the score.

So a root mean square error is the root of the mean over time and grid, never a mean of roots.
Everything is summed in float64 as fields arrive, so memory does not grow with their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aurora_dash.errors import EvaluationError

Field = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One score: what is averaged, and what is made of the average."""

    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Of the error, forecast minus observation, at each point."""
    score: Callable[[float], float]


def _itself(mean: float) -> float:
    return mean


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "rmse": Metric(statistic=np.square, score=math.sqrt),
        "mae": Metric(statistic=np.abs, score=_itself),
        "bias": Metric(statistic=np.positive, score=_itself),
    }
)


@dataclass(frozen=True, kw_only=True, order=True)
class FieldKey:
    """Which field a score is about; `level` (hPa) is None on the surface."""

    variable: str
    level: float | None
    lead_hours: int

    def __str__(self) -> str:
        where = "" if self.level is None else f" at {self.level:g} hPa"
        return f"{self.variable}{where}, {self.lead_hours} h ahead"


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of ``scores.json``."""

    variable: str
    level: float | None
    lead_hours: int
    region: str
    metric: str
    value: float
    unit: str
    source: str


@dataclass
class _Tally:
    """Running sums of one field: weights by region; statistics by source, region and metric."""

    weight: NDArray[np.float64]
    sums: dict[str, NDArray[np.float64]]
    points: int = 0
    target_missing: int = 0
    forecast_missing: int = 0


def field_error(forecast: ArrayLike, target: ArrayLike, *, circular: bool) -> NDArray[np.float64]:
    """Forecast minus target in float64; of directions in degrees, the shorter way round."""
    error = np.asarray(forecast, dtype=np.float64) - np.asarray(target, dtype=np.float64)
    return (error + 180.0) % 360.0 - 180.0 if circular else error


class ScoreBook:
    """Takes fields one at a time and gives the scores of all of them.

    A point counts where the target and every forecast beside it are finite, so that all sources
    are judged on the same points; what is left out is counted, and a field of which nothing is
    left is an error, never a perfect score.
    """

    def __init__(self, weights: ArrayLike, regions: Mapping[str, NDArray[np.bool_]]) -> None:
        """`weights` broadcast to the grid (H, W); `regions` are masks (H, W) by name."""
        self._regions = tuple(regions)
        masks = np.stack([np.asarray(regions[name], dtype=np.float64) for name in regions])
        self._grid = masks.shape[1:]
        weighted = masks * np.broadcast_to(np.asarray(weights, np.float64), self._grid)
        self._weights = weighted.reshape(len(masks), -1)
        self._tallies: dict[FieldKey, _Tally] = {}

    def add(
        self,
        key: FieldKey,
        forecasts: Mapping[str, Field],
        target: Field,
        *,
        circular: bool = False,
    ) -> None:
        """Count one field (H, W) of each source against its target (H, W)."""
        self._require_shapes(key, forecasts, target)
        tally = self._tally(key, tuple(forecasts))
        errors = {
            source: field_error(forecast, target, circular=circular)
            for source, forecast in forecasts.items()
        }
        observed = np.isfinite(target)
        valid = observed & np.logical_and.reduce([np.isfinite(e) for e in errors.values()])
        num_valid = int(valid.sum())
        tally.points += num_valid
        tally.target_missing += int((~observed).sum())
        tally.forecast_missing += int((observed & ~valid).sum())
        # Choosing points copies: worth it only where there is something to leave out.
        chosen = slice(None) if num_valid == valid.size else np.flatnonzero(valid)
        weights = self._weights[:, chosen]
        tally.weight += weights.sum(axis=1)
        for source, error in errors.items():
            present = error.ravel()[chosen]
            for column, metric in enumerate(METRICS.values()):
                tally.sums[source][:, column] += weights @ metric.statistic(present)

    def scores(self, unit_of: Callable[[FieldKey], str]) -> tuple[Score, ...]:
        """All scores, in the order in which fields first came."""
        if not self._tallies:
            raise EvaluationError("There was nothing to score: no field met its target.")
        return tuple(
            score
            for key, tally in self._tallies.items()
            for index, region in enumerate(self._regions)
            for score in self._region_scores(key, tally, index, region, unit_of(key))
        )

    def missing(self) -> list[dict[str, Any]]:
        """One record for each field of which some points could not be scored."""
        return [
            {
                "variable": key.variable,
                "level": key.level,
                "lead_hours": key.lead_hours,
                "points": tally.points,
                "target_missing": tally.target_missing,
                "forecast_missing": tally.forecast_missing,
            }
            for key, tally in self._tallies.items()
            if tally.target_missing or tally.forecast_missing
        ]

    def _tally(self, key: FieldKey, sources: tuple[str, ...]) -> _Tally:
        if key not in self._tallies:
            shape = (len(self._regions), len(METRICS))
            self._tallies[key] = _Tally(
                weight=np.zeros(len(self._regions)),
                sums={source: np.zeros(shape) for source in sources},
            )
        tally = self._tallies[key]
        if set(tally.sums) != set(sources):
            raise EvaluationError(
                f"The forecasts of {key} come from {', '.join(sources)} at one time and from "
                f"{', '.join(tally.sums)} at another: they can't be compared."
            )
        return tally

    def _require_shapes(self, key: FieldKey, forecasts: Mapping[str, Field], target: Field) -> None:
        for name, field in (("target", target), *forecasts.items()):
            if np.shape(field) != self._grid:
                raise EvaluationError(
                    f"The {name} of {key} is {np.shape(field)} points, the grid is {self._grid}."
                )
        if not forecasts:
            raise EvaluationError(f"No forecast was given for {key}.")

    def _region_scores(
        self, key: FieldKey, tally: _Tally, index: int, region: str, unit: str
    ) -> Sequence[Score]:
        if tally.weight[index] == 0:
            raise EvaluationError(
                f"Nothing of {key} can be scored in the region {region!r}: "
                f"{tally.target_missing} values of the target and {tally.forecast_missing} of a "
                "forecast are missing or not finite.",
                remedy="Choose other variables, regions or data.",
            )
        means = {source: sums[index] / tally.weight[index] for source, sums in tally.sums.items()}
        return [
            Score(
                variable=key.variable,
                level=key.level,
                lead_hours=key.lead_hours,
                region=region,
                metric=name,
                value=metric.score(float(means[source][column])),
                unit=unit,
                source=source,
            )
            for source in means
            for column, (name, metric) in enumerate(METRICS.items())
        ]
