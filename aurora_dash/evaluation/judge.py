"""Forecasts against what came true: one step of a few samples at a time, then forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

import numpy as np
import xarray as xr
from aurora import Batch
from numpy.typing import NDArray

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.fields import TARGET, FieldKeeper
from aurora_dash.evaluation.metrics import FieldKey, ScoreBook
from aurora_dash.evaluation.samples import Sample
from aurora_dash.evaluation.targets import Target
from aurora_dash.evaluation.truth import Fields, Truth, fields_of
from aurora_dash.variables import Group


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Compares forecasts with observations and puts them into the book and the keeper."""

    dataset: xr.Dataset
    truth: Truth
    targets: Sequence[Target]
    levels: Sequence[float]
    lead_hours: int
    persistence: bool
    book: ScoreBook
    keeper: FieldKeeper | None

    def starts(self, samples: Sequence[Sample]) -> list[Fields]:
        """What persistence says of each sample: the newest input, at every lead."""
        return [self.truth.fields(s.inputs[-1]) for s in samples] if self.persistence else []

    def judge(
        self,
        samples: Mapping[int, Sample],
        step: int,
        predictions: Mapping[str, Batch],
        starts: Sequence[Fields],
    ) -> None:
        """Count one step of all sources, for those samples whose target exists.

        `samples` by their number among all; `predictions` by source, in the same order, as
        `starts` is.
        """
        for position, (number, sample) in enumerate(samples.items()):
            if step not in sample.targets:
                continue
            for source, prediction in predictions.items():
                self._require_match(source, prediction, position, sample.targets[step])
            forecasts = {s: fields_of(p, position) for s, p in predictions.items()}
            if self.persistence:
                forecasts["persistence"] = starts[position]
            observed = self.truth.fields(sample.targets[step])
            self._count(step * self.lead_hours, forecasts, observed)
            self._keep(number, sample, step, {TARGET: observed, **forecasts})

    def _count(self, lead: int, forecasts: Mapping[str, Fields], observed: Fields) -> None:
        for target in self.targets:
            fields = {s: _field(found, target, s) for s, found in forecasts.items()}
            truth = _field(observed, target, TARGET)
            if target.group is Group.SURFACE:
                key = FieldKey(variable=target.name, level=None, lead_hours=lead)
                self.book.add(key, fields, truth, circular=target.circular)
                continue
            for index, level in enumerate(self.levels):
                key = FieldKey(variable=target.name, level=level, lead_hours=lead)
                layers = {source: field[index] for source, field in fields.items()}
                self.book.add(key, layers, truth[index], circular=target.circular)

    def _keep(self, number: int, sample: Sample, step: int, fields: Mapping[str, Fields]) -> None:
        if self.keeper is None:
            return
        start = self.dataset["time"].values[sample.inputs[-1]]
        for source, found in fields.items():
            self.keeper.put(number, step * self.lead_hours, source, found, time=start)

    def _require_match(self, source: str, prediction: Batch, position: int, target: int) -> None:
        """Refuse to compare fields of different times or places."""
        moment = prediction.metadata.time[position].astimezone(UTC).replace(tzinfo=None)
        expected = self.dataset["time"].values[target]
        if np.datetime64(moment, "ns") != expected:
            raise EvaluationError(
                f"A forecast of {source} is for {moment}, its target for {expected}: they can't "
                "be compared."
            )
        for axis, found in (
            ("latitude", prediction.metadata.lat),
            ("longitude", prediction.metadata.lon),
        ):
            grid = self.dataset[axis].values
            if found.shape != grid.shape or np.abs(found.cpu().numpy() - grid).max() > 1e-3:
                raise EvaluationError(
                    f"The forecast of {source} has another {axis} grid ({len(found)} values) than "
                    f"its target ({grid.size})."
                )


def _field(fields: Fields, target: Target, source: str) -> NDArray[np.float32]:
    try:
        return fields[target.key]
    except KeyError:
        raise EvaluationError(
            f"The {source} has no {target.group} variable {target.name!r}; it has "
            f"{', '.join(fields)}."
        ) from None
