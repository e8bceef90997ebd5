"""Weighted sums of every forecast, by initial time and lead: what all scores are made of.

They are kept by forecast because the hour, the season and the resampling of a bootstrap choose
among forecasts. Large ones lie in a temporary file, so that memory stays bounded. Free of torch.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.measures import Totals, Values

_LARGEST_IN_MEMORY = 256 * 2**20

_OF_TARGET: Mapping[str, tuple[str, ...]] = {
    "value": ("target_value",),
    "value_square": ("target_value_square",),
    "anomaly_square": ("target_anomaly_square", "anomaly_weight"),
    "gradient_square": ("target_gradient_square",),
    "short_power": ("target_short_power",),
    "hits": ("target_events", "event_weight"),
}
"""Sums that are the same for all sources, by the sum of each source that they go with."""
_WHOLE_GRID = frozenset({"short_power", "target_short_power"})
_OF_EVENTS = frozenset({"hits", "forecast_events", "target_events", "event_weight"})
_OF_NEIGHBOURHOODS = frozenset({"fraction_error", "fraction_reference"})


class Sums:
    """Arrays (forecast, lead, field, area, source) by name, zero until something is added.

    What is the same for all sources has 1 there. Events take the place of fields for categorical
    scores, events times neighbourhoods for those of fractions.
    """

    def __init__(self, layout: Layout, num_forecasts: int, needed: Collection[str]) -> None:
        self.layout = layout
        self.num_forecasts = num_forecasts
        of_target = {name for need in needed for name in _OF_TARGET.get(need, ())}
        self._arrays = {
            name: _zeros(self._shape(name, shared=name not in needed))
            for name in sorted({"weight", *needed, *of_target})
        }
        self.vectors = {
            name: _zeros(self._shape(name, shared=name == "weight", fields=len(layout.wind_fields)))
            for name in ("weight", "square")
        }
        self.present = np.ones((len(layout.fields), len(layout.sources)), bool)
        """Which fields each source forecasts."""
        shape = (len(layout.lead_hours), len(layout.fields))
        self.points = np.zeros(shape, np.int64)
        self.target_missing = np.zeros(shape, np.int64)
        self.forecast_missing = np.zeros(shape, np.int64)

    def __getitem__(self, name: str) -> Values:
        """One array, to be added to."""
        return self._arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def totals(self, chosen: NDArray[np.bool_]) -> Totals:
        """Sums over the chosen forecasts and leads (N, leads): (lead, field, area, source)."""
        return {name: _over(chosen, array) for name, array in self._arrays.items()}

    def vector_totals(self, chosen: NDArray[np.bool_]) -> Totals:
        """The same of wind vectors, whose fields are `Layout.wind_fields`."""
        return {name: _over(chosen, array) for name, array in self.vectors.items()}

    def require_scored(self) -> None:
        """`EvaluationError` where nothing of a field met its target in a region."""
        layout = self.layout
        weight = self["weight"].sum(axis=0)[..., 0]
        # A lead that no forecast reached has no target anywhere, and is told of elsewhere.
        reached = (self.points + self.target_missing + self.forecast_missing) > 0
        if not reached.any():
            raise EvaluationError("There was nothing to score: no field met its target.")
        whole = range(0, weight.shape[-1], len(layout.areas.surfaces))
        for index, area in enumerate(whole):
            for lead, name in np.argwhere(reached & (weight[..., area] == 0)):
                raise EvaluationError(
                    f"Nothing of {layout.fields[name]}, {layout.lead_hours[lead]} h ahead can be "
                    f"scored in the region {layout.areas.regions[index]!r}: "
                    f"{self.target_missing[lead, name]} values of the target and "
                    f"{self.forecast_missing[lead, name]} of a forecast are missing or not finite.",
                    remedy="Choose other variables, regions or data.",
                )

    def missing(self) -> list[dict[str, Any]]:
        """One record for each field and lead of which some points could not be scored."""
        absent = self.target_missing + self.forecast_missing
        return [
            {
                "variable": self.layout.fields[field].variable,
                "level": self.layout.fields[field].level,
                "lead_hours": self.layout.lead_hours[lead],
                "points": int(self.points[lead, field]),
                "target_missing": int(self.target_missing[lead, field]),
                "forecast_missing": int(self.forecast_missing[lead, field]),
            }
            for field, lead in np.argwhere(absent.T)
        ]

    def _shape(self, name: str, *, shared: bool, fields: int | None = None) -> tuple[int, ...]:
        layout = self.layout
        if fields is None:
            fields = len(layout.fields)
            if name in _OF_EVENTS:
                fields = len(layout.events)
            elif name in _OF_NEIGHBOURHOODS:
                fields = len(layout.events) * len(layout.neighbourhoods)
        areas = 1 if name in _WHOLE_GRID else len(layout.areas.weights)
        sources = 1 if shared else len(layout.sources)
        return (self.num_forecasts, len(layout.lead_hours), fields, areas, sources)


def _zeros(shape: tuple[int, ...]) -> Values:
    if 8 * math.prod(shape) <= _LARGEST_IN_MEMORY:
        return np.zeros(shape)
    # The file has no name; it is gone when the array is.
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float64, "w+", shape=shape)


def _over(chosen: NDArray[np.bool_], array: Values) -> Values:
    total: Values = np.einsum("nl,nl...->l...", chosen.astype(np.float64), array)
    return total
