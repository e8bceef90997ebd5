"""Forecasts against what came true: one step of a few samples at a time, then forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr
from aurora import Batch
from numpy.typing import NDArray

from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.climatology import Climatology
from aurora_dash.evaluation.fields import TARGET, FieldKeeper
from aurora_dash.evaluation.forecast_file import ForecastFile
from aurora_dash.evaluation.samples import Sample
from aurora_dash.evaluation.slabs import Fields
from aurora_dash.evaluation.statistics import Scorer
from aurora_dash.evaluation.truth import Truth, fields_of

PERSISTENCE, CLIMATOLOGY = "persistence", "climatology"


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Compares forecasts with observations and puts them into the sums and the keeper."""

    dataset: xr.Dataset
    truth: Truth
    lead_hours: int
    sources: Sequence[str]
    files: Mapping[str, ForecastFile]
    climatology: Climatology | None
    scorer: Scorer
    keeper: FieldKeeper | None

    def starts(self, samples: Sequence[Sample]) -> list[Fields]:
        """What persistence says of each sample: the newest input, at every lead."""
        if PERSISTENCE not in self.sources:
            return []
        return [self.truth.fields(sample.inputs[-1]) for sample in samples]

    def judge(
        self,
        samples: Mapping[int, Sample],
        step: int,
        predictions: Mapping[str, Sequence[Batch]],
        starts: Sequence[Fields],
    ) -> None:
        """Count one step of all sources, for those samples whose target exists.

        `samples` by their number among all; `predictions` by source, one batch a member with the
        samples in the same order, as `starts` is.
        """
        for position, (number, sample) in enumerate(samples.items()):
            if step not in sample.targets:
                continue
            target = sample.targets[step]
            forecasts = {
                source: self._members(source, batches, position, target)
                for source, batches in predictions.items()
            }
            if starts:
                forecasts[PERSISTENCE] = _alone(starts[position])
            normal = self._normal(target)
            if CLIMATOLOGY in self.sources and normal is not None:
                forecasts[CLIMATOLOGY] = _alone(normal)
            start = self._times[sample.inputs[-1]]
            lead = step * self.lead_hours
            for source, file in self.files.items():
                forecasts[source] = file.fields(start, lead)
            observed = self.truth.fields(target)
            self.scorer.add(number, step - 1, observed, forecasts, normal)
            self._keep(number, start, lead, {TARGET: _alone(observed), **forecasts})

    def _members(self, source: str, batches: Sequence[Batch], position: int, target: int) -> Fields:
        for batch in batches:
            self._require_match(source, batch, position, target)
        members = [fields_of(batch, position) for batch in batches]
        if len(members) == 1:
            return _alone(members[0])
        return {key: torch.stack([member[key] for member in members]) for key in members[0]}

    def _normal(self, target: int) -> Fields | None:
        if self.climatology is None:
            return None
        return self.climatology.fields(self._times[target])

    def _keep(
        self, number: int, start: np.datetime64, lead: int, fields: Mapping[str, Fields]
    ) -> None:
        if self.keeper is None or number >= self.keeper.num_samples:
            return
        for source, found in fields.items():
            means = {k: v.float().mean(dim=0).cpu().numpy() for k, v in found.items()}
            self.keeper.put(number, lead, source, means, time=start)

    @cached_property
    def _times(self) -> Times:
        times: Times = self.dataset["time"].values
        return times

    @cached_property
    def _grid(self) -> Mapping[str, NDArray[Any]]:
        return {axis: self.dataset[axis].values for axis in ("latitude", "longitude")}

    def _require_match(self, source: str, prediction: Batch, position: int, target: int) -> None:
        """Refuse to compare fields of different times or places."""
        moment = prediction.metadata.time[position].astimezone(UTC).replace(tzinfo=None)
        expected = self._times[target]
        if np.datetime64(moment, "ns") != expected:
            raise EvaluationError(
                f"A forecast of {source} is for {moment}, its target for {expected}: they can't "
                "be compared."
            )
        for axis, found in (
            ("latitude", prediction.metadata.lat),
            ("longitude", prediction.metadata.lon),
        ):
            grid = self._grid[axis]
            if found.shape != grid.shape or np.abs(found.cpu().numpy() - grid).max() > 1e-3:
                raise EvaluationError(
                    f"The forecast of {source} has another {axis} grid ({len(found)} values) than "
                    f"its target ({grid.size})."
                )


def _alone(fields: Fields) -> Fields:
    """A single forecast as an ensemble of one member."""
    return {key: values[None] for key, values in fields.items()}
