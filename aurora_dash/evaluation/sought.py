"""Which field of which forecast is to be drawn, found in the data before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import xarray as xr

from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.maps.drawing import Kind
from aurora_dash.evaluation.samples import initial_windows
from aurora_dash.evaluation.sources import CheckpointRef, Subject
from aurora_dash.evaluation.targets import Target, predicted_targets
from aurora_dash.figures.publication import Look
from aurora_dash.variables import Group


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which field of which forecast is drawn, and how."""

    var: str
    level: float | None = None
    """hPa; the only level there is may be left unsaid."""
    sample_index: int = 0
    """Counts the initial times from which the data has a target `lead` steps ahead."""
    start: str | datetime | None = None
    """The initial time instead, UTC; the data need not hold a target."""
    lead: int = 1
    """Forecast steps; of an animation the last one."""
    difference: bool = False
    """Also the error of persistence, to see the model's against."""
    increment: bool = False
    """Also what the model adds to its initial state."""
    minus: CheckpointRef | None = None
    """A second checkpoint, which forecasts the same and is subtracted."""
    look: Look = field(default_factory=Look)
    frames_per_second: int = 4

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The maps of the figure."""
        if self.minus is None:
            kinds = [Kind.PREDICTION, Kind.TARGET, Kind.ERROR]
        else:
            kinds = [Kind.PREDICTION, Kind.OTHER, Kind.MINUS]
        kinds += [Kind.PERSISTENCE_ERROR] if self.difference else []
        return (*kinds, *([Kind.INCREMENT] if self.increment else []))


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was sought, in terms of the data."""

    target: Target
    level: float | None
    start: datetime
    num_samples: int


def find(subject: Subject, dataset: xr.Dataset, sought: Sought, start: datetime | None) -> Found:
    """Where it is; `EvaluationError` names what is not there: variable, level, sample."""
    targets = {target.name: target for target in predicted_targets(subject.spec)}
    if sought.var not in targets:
        raise EvaluationError(
            f"The model does not predict {sought.var!r}.",
            remedy=f"It predicts {', '.join(targets)}.",
        )
    target = targets[sought.var]
    levels = dataset["level"].values.tolist() if "level" in dataset.dims else []
    times: Times = dataset["time"].values.astype("M8[s]")
    history = subject.spec.model.catalogue_entry.timestep_hours
    windows = initial_windows(times, history)
    starts = times[[window.inputs[-1] for window in windows]]
    ahead = sought.lead * subject.spec.lead_hours
    samples = starts[np.isin(starts + np.timedelta64(ahead, "h"), times)]
    return Found(
        target=target,
        level=_level(levels, target, sought.level),
        start=start or _sample(samples, sought, ahead),
        num_samples=samples.size,
    )


def _level(levels: Sequence[float], target: Target, level: float | None) -> float | None:
    """The level to draw; the only one there is may be left unsaid."""
    known = ", ".join(f"{value:g}" for value in levels)
    if target.group is Group.SURFACE:
        if level is None:
            return None
        raise EvaluationError(
            f"{target.name} is a surface variable: it has no level {level:g} hPa.",
            remedy="Leave the level out.",
        )
    if level is None and len(levels) == 1:
        return levels[0]
    if level is None:
        raise EvaluationError(
            f"{target.name} is on several levels: {known} hPa.", remedy="Name one of them."
        )
    if level not in levels:
        raise EvaluationError(
            f"The data has no level {level:g} hPa.", remedy=f"It has {known} hPa."
        )
    return level


def _sample(samples: Times, sought: Sought, ahead: int) -> datetime:
    if not 0 <= sought.sample_index < samples.size:
        raise EvaluationError(
            f"There is no sample {sought.sample_index}: {samples.size} samples have a target "
            f"{ahead} hours ahead.",
            remedy=f"Choose one from 0 to {samples.size - 1}."
            if samples.size
            else "Lower the lead, or name the initial time, which needs no target.",
        )
    moment: datetime = samples[sought.sample_index].item()
    return moment.replace(tzinfo=UTC)
