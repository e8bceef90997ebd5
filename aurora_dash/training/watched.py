"""Keeps the forecast of one validation sample, which the validation computes in any case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np
from aurora import Batch
from numpy.typing import NDArray

from aurora_dash.data.area import area_weights
from aurora_dash.errors import RunError
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.runs.store import Run
from aurora_dash.runs.watched import Kept, Values, WatchedField, WatchedFolder, WatchedSample
from aurora_dash.spec import RunSpec, WatchedSpec
from aurora_dash.training.comparer import See
from aurora_dash.training.distributed.world import World
from aurora_dash.training.loop import Records
from aurora_dash.training.rollout.leads import lead_hours, selected
from aurora_dash.training.terms import Record
from aurora_dash.variables import describe


@dataclass(frozen=True)
class Caught:
    """A forecast and what came true, of the same fields."""

    target: Kept
    forecast: Kept


class SampleWatch:
    """Catches the forecast of one sample while it is validated; leaves it as it is."""

    def __init__(
        self,
        watched: WatchedSpec,
        fields: Sequence[WatchedField],
        module: OwnStatistics,
        *,
        part: str,
        batch_size: int,
        num_steps: int,
    ) -> None:
        """`part` of the data holds the sample, among others that are validated in batches of
        `batch_size` by forecasts of `num_steps`."""
        self.part = part
        self._watched = watched
        self._fields = tuple(fields)
        self._module = module
        self._batch, self._position = divmod(watched.sample, batch_size)
        self._forecast_step = watched.forecast_step or num_steps
        self._start: datetime | None = None
        self._caught: Caught | None = None

    def begin(self) -> None:
        """A validation begins."""
        self._caught = None

    def find(self, number: int | None, inputs: Batch, target: Batch) -> tuple[int, See] | None:
        """In which part of the batch of that number, split by lead time, the sample is, and who
        is to see the forecasts of that part; None if it is in another batch."""
        if number != self._batch:
            return None
        self._start = inputs.metadata.time[self._position]
        leads = lead_hours(inputs, target)
        own = leads[self._position]
        position = leads[: self._position].count(own)
        return sorted(set(leads)).index(own), partial(self._see, position)

    def _see(self, position: int, step: int, prediction: Batch, target: Batch) -> None:
        if step + 1 != self._forecast_step:
            return
        module = self._module
        forecast = module.to_physical(selected(prediction, [position]))
        truth = module.batch_transform_hook(selected(target, [position])).crop(module.patch_size)
        self._caught = self._pair(forecast, truth)

    def share(self, world: World) -> Record:
        """Give what was caught to all processes at the end of a validation: its errors."""
        owner = self._batch % world.size
        if owner:
            self._caught = world.told(self._caught, by=owner)
        errors = {} if self._caught is None else self._caught.forecast.errors
        return {f"watched_rmse/{key}": value for key, value in errors.items()}

    def take(self) -> Caught | None:
        """What the last validation caught, once."""
        caught, self._caught = self._caught, None
        return caught

    def _pair(self, forecast: Batch, truth: Batch) -> Caught:
        metadata = truth.metadata
        latitudes, longitudes = metadata.lat.double().numpy(), metadata.lon.double().numpy()
        stride = -(-longitudes.size // (self._watched.width or longitudes.size))
        valid = metadata.time[0]
        sample = WatchedSample(
            fields=self._fields,
            latitudes=tuple(latitudes[::stride].tolist()),
            longitudes=tuple(longitudes[::stride].tolist()),
            stride=stride,
            start=self._start or valid,
            valid=valid,
            sample=self._watched.sample,
            part=self.part,
        )
        weights = area_weights(latitudes)[:, None]
        ours, true, errors = {}, {}, {}
        for field in self._fields:
            predicted, observed = _values(forecast, field), _values(truth, field)
            errors[field.key] = _rmse(predicted, observed, weights, circular=_is_circular(field))
            ours[field.key] = predicted[::stride, ::stride]
            true[field.key] = observed[::stride, ::stride]
        known = {key: error for key, error in errors.items() if not np.isnan(error)}
        return Caught(
            target=Kept(sample=sample, values=true, errors={}),
            forecast=Kept(sample=sample, values=ours, errors=known),
        )


class RecordsWithSample:
    """Hands records on, and writes what the validation before them caught.

    Training never ends for want of it: what goes wrong is a warning, once until it works again.
    """

    def __init__(
        self, records: Records, run: Run, spec: RunSpec, watch: SampleWatch, total_steps: int
    ) -> None:
        self._records = records
        self._run = run
        self._folder = WatchedFolder(run.folder)
        self._watched = spec.training.watched
        self._every = spec.training.validate_every * self._watched.every
        self._watch = watch
        self._total_steps = total_steps
        self._begun = False
        self._problem = ""

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Take those of a training step."""
        self._begin(step)
        self._records.train(step, epoch, values, pace)

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Take those of a validation, with what it caught."""
        self._begin(step)
        caught = self._watch.take()
        if caught is not None and (step % self._every == 0 or step == self._total_steps):
            forecast = replace(caught.forecast, step=step)
            keep = self._watched.keep
            self._try(lambda: self._folder.write(caught.target, forecast, keep=keep))
        self._records.validation(step, epoch, values, best_loss)

    def _begin(self, step: int) -> None:
        """Before the first record: what an earlier attempt made after this step is made anew."""
        if not self._begun:
            self._begun = True
            self._try(lambda: self._folder.forget_after(step))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except RunError as error:
            if not self._problem:
                self._run.log_event(
                    "warning",
                    f"the validation sample for the live maps can't be kept: {error.message} "
                    "Training goes on without it.",
                )
            self._problem = error.message
        else:
            self._problem = ""


def _values(batch: Batch, field: WatchedField) -> Values:
    """The newest field (H, W) of the first sample."""
    if field.level is None:
        values = batch.surf_vars[field.name][0, -1]
    else:
        index = batch.metadata.atmos_levels.index(field.level)
        values = batch.atmos_vars[field.name][0, -1, index]
    return values.float().cpu().numpy()


def _is_circular(field: WatchedField) -> bool:
    return describe(field.name, field.group).circular


def _rmse(
    forecast: Values, truth: Values, weights: NDArray[np.float64], *, circular: bool
) -> float:
    """Root of the area-weighted mean square error of the points that have both values; NaN if
    none has."""
    error = forecast.astype(np.float64) - truth
    if circular:
        error = (error + 180) % 360 - 180
    known = np.isfinite(error)
    total = float((weights * known).sum())
    return float(np.sqrt(np.sum(weights * error**2, where=known) / total)) if total else np.nan
