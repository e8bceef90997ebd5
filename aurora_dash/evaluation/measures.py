"""The scores there are: which weighted sums each needs, and what it makes of them. Free of torch.

A score is made of sums over time and grid, weighted by area, so a root comes after the mean. What
is summed is named here once; `aurora_dash.evaluation.statistics` sums it, and
`aurora_dash.evaluation.events` turns counts of events into categorical scores.

Sources: Rasp et al. 2024 (WeatherBench 2) for RMSE, ACC, activity, CRPS and spread; Fortin et al.
2014 for the factor (M + 1) / M between the spread of M members and the error of their mean.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Totals = Mapping[str, Values]
"""Weighted sums by name, (..., field, area, source); 1 source where all have the same."""

Kind = Literal["field", "vector", "event", "spectrum"]
"""Of a single field, of a wind vector, of passing a threshold, of a power spectrum."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One kind of score."""

    name: str
    long_name: str
    needs: frozenset[str]
    """Sums that it is made of."""
    score: Callable[[Totals], Values]
    kind: Kind = "field"
    best: float | None
    """Value of a perfect forecast; None: there is none (activity, spread)."""
    has_unit: bool
    """Whether it is measured in the variable's unit; otherwise it is a number."""
    has_skill: bool = False
    """Whether 1 - score / reference says how much better it is than the reference."""
    rounds: bool = True
    """Whether it means something for a direction in degrees."""

    def unit(self, of_field: str) -> str:
        """Unit of the score of a field whose unit is `of_field`."""
        return of_field if self.has_unit else "1"


CATEGORICAL = ("csi", "ets", "frequency_bias", "fss")
"""Measures of kind ``event``, for thresholds."""


def _mean(name: str) -> Callable[[Totals], Values]:
    return lambda sums: sums[name] / sums["weight"]


def _root_mean(name: str, weight: str = "weight") -> Callable[[Totals], Values]:
    return lambda sums: np.sqrt(sums[name] / sums[weight])


def _root_ratio(above: str, below: str) -> Callable[[Totals], Values]:
    return lambda sums: np.sqrt(sums[above] / sums[below])


def _anomaly_correlation(sums: Totals) -> Values:
    norm = np.sqrt(sums["anomaly_square"]) * np.sqrt(sums["target_anomaly_square"])
    result: Values = sums["anomaly_product"] / norm
    return result


def _correlation(sums: Totals) -> Values:
    """Pearson's, about the weighted means over time and grid."""
    weight = sums["weight"]
    covariance = sums["product"] - sums["value"] * sums["target_value"] / weight
    variance = sums["value_square"] - sums["value"] ** 2 / weight
    target_variance = sums["target_value_square"] - sums["target_value"] ** 2 / weight
    # Rounding can leave a constant field a variance just below or above zero.
    known = (variance > 1e-12 * sums["value_square"]) & (
        target_variance > 1e-12 * sums["target_value_square"]
    )
    norm = np.sqrt(np.where(known, variance, np.nan)) * np.sqrt(
        np.where(known, target_variance, np.nan)
    )
    result: Values = covariance / norm
    return result


def _categorical(name: str) -> Callable[[Totals], Values]:
    """A score of a contingency table, by the library `scores`."""

    def score(sums: Totals) -> Values:
        # It brings pandas and xarray's backends, for which no listing of measures should wait.
        import xarray as xr
        from scores.categorical import BasicContingencyManager

        hits, forecast, observed = sums["hits"], sums["forecast_events"], sums["target_events"]
        total = sums["event_weight"]
        counts = {
            "tp_count": hits,
            "fp_count": forecast - hits,
            "fn_count": observed - hits,
            "tn_count": total - forecast - observed + hits,
            "total_count": total,
        }
        shape = np.broadcast_shapes(*(count.shape for count in counts.values()))
        dims = [f"dim_{i}" for i in range(len(shape))]
        table = BasicContingencyManager(
            {k: xr.DataArray(np.broadcast_to(v, shape), dims=dims) for k, v in counts.items()}
        )
        values: Values = getattr(table, name)().values
        return values

    return score


_EVENTS = frozenset({"hits", "forecast_events"})

_MEASURES = (
    Measure(name="rmse", long_name="Root mean square error", needs=frozenset({"square"}),
            score=_root_mean("square"), best=0.0, has_unit=True, has_skill=True),
    Measure(name="mae", long_name="Mean absolute error", needs=frozenset({"absolute"}),
            score=_mean("absolute"), best=0.0, has_unit=True, has_skill=True),
    Measure(name="bias", long_name="Bias, forecast minus target", needs=frozenset({"error"}),
            score=_mean("error"), best=0.0, has_unit=True),
    Measure(name="correlation", long_name="Correlation over time and grid",
            needs=frozenset({"value", "value_square", "product"}), score=_correlation,
            best=1.0, has_unit=False, rounds=False),
    Measure(name="acc", long_name="Anomaly correlation, not re-centred",
            needs=frozenset({"anomaly_square", "anomaly_product"}), score=_anomaly_correlation,
            best=1.0, has_unit=False, rounds=False),
    Measure(name="activity", long_name="Activity, root mean square of the anomalies",
            needs=frozenset({"anomaly_square"}),
            score=_root_mean("anomaly_square", "anomaly_weight"),
            best=None, has_unit=True, rounds=False),
    Measure(name="activity_ratio", long_name="Activity against the target's",
            needs=frozenset({"anomaly_square"}),
            score=_root_ratio("anomaly_square", "target_anomaly_square"),
            best=1.0, has_unit=False, rounds=False),
    Measure(name="vector_rmse", long_name="Root mean square vector wind error",
            needs=frozenset({"square"}), score=_root_mean("square"), kind="vector",
            best=0.0, has_unit=True, has_skill=True),
    Measure(name="gradient_ratio", long_name="Root mean square gradient against the target's",
            needs=frozenset({"gradient_square"}),
            score=_root_ratio("gradient_square", "target_gradient_square"),
            best=1.0, has_unit=False, rounds=False),
    Measure(name="spectral_ratio", long_name="Power at the shorter half of scales, to the target's",
            needs=frozenset({"short_power"}),
            score=lambda sums: sums["short_power"] / sums["target_short_power"], kind="spectrum",
            best=1.0, has_unit=False, rounds=False),
    Measure(name="crps", long_name="Fair continuous ranked probability score",
            needs=frozenset({"crps"}), score=_mean("crps"), best=0.0, has_unit=True,
            has_skill=True, rounds=False),
    Measure(name="spread", long_name="Spread of the ensemble", needs=frozenset({"variance"}),
            score=_root_mean("variance"), best=None, has_unit=True, rounds=False),
    Measure(name="spread_skill", long_name="Spread against the error of the ensemble mean",
            needs=frozenset({"expected_square", "square"}),
            score=_root_ratio("expected_square", "square"), best=1.0, has_unit=False,
            rounds=False),
    Measure(name="csi", long_name="Critical success index", needs=_EVENTS,
            score=_categorical("critical_success_index"), kind="event", best=1.0, has_unit=False),
    Measure(name="ets", long_name="Equitable threat score", needs=_EVENTS,
            score=_categorical("equitable_threat_score"), kind="event", best=1.0, has_unit=False),
    Measure(name="frequency_bias", long_name="Frequency bias, forecast events to observed ones",
            needs=_EVENTS, score=_categorical("frequency_bias"), kind="event",
            best=1.0, has_unit=False),
    Measure(name="fss", long_name="Fractions skill score",
            needs=frozenset({"fraction_error", "fraction_reference"}),
            score=lambda sums: 1 - sums["fraction_error"] / sums["fraction_reference"],
            kind="event", best=1.0, has_unit=False),
)  # fmt: skip

MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in _MEASURES})

NEEDS_CLIMATOLOGY = frozenset({"acc", "activity", "activity_ratio"})
NEEDS_MEMBERS = frozenset({"spread", "spread_skill"})


def needed_sums(names: Collection[str]) -> frozenset[str]:
    """All sums that some measures are made of."""
    return frozenset(need for name in names for need in MEASURES[name].needs)


def score_values(measure: Measure, sums: Totals) -> Values:
    """A measure of sums; NaN where it is not defined, such as a ratio to nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = measure.score(sums)
    return np.where(np.isfinite(values), values, np.nan)
