"""What the Monitor page's maps of the validation sample show, read once for each new file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from aurora_dash.figures.panels import PanelSet, SharedScales, comparison_panels
from aurora_dash.figures.raster.drawing import Drawing
from aurora_dash.figures.scene import Scene
from aurora_dash.runs.store import Run
from aurora_dash.runs.watched import Kept, WatchedField, WatchedFolder
from aurora_dash.ui.map_canvas import map_frame
from aurora_dash.variables import Variable, describe


@dataclass(frozen=True)
class Errors:
    """Root mean square errors of the sample, one for each validation."""

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def at(self, step: int) -> float | None:
        """At a step, if it was validated."""
        return dict(zip(self.steps, self.values, strict=True)).get(step)

    def change(self, step: int) -> float | None:
        """Relative to the first, at a step: -0.5 is half as large."""
        value = self.at(step)
        return value / self.values[0] - 1 if value is not None and self.values[0] > 0 else None


def target(run: Run) -> Kept | None:
    """What came true; None before the first validation. `RunError` if it is damaged."""
    written = WatchedFolder(run.folder).written()
    return None if written is None else _target(run.folder, written)


def errors(run: Run, field: WatchedField) -> Errors:
    """Of a field, from the metrics."""
    table = run.metrics()
    steps = table.column("step", "validation")
    values = table.column(f"watched_rmse/{field.key}", "validation")
    known = np.isfinite(values)
    return Errors(tuple(steps[known].astype(int).tolist()), tuple(values[known].tolist()))


def variable(field: WatchedField) -> Variable:
    """How a field is called and drawn; what the table does not know a person registered."""
    known = describe(field.name, field.group)
    registered = known == Variable.unknown(field.name, field.group)
    return replace(known, unit=field.unit, long_name=field.long_name, user_registered=registered)


def panels(
    run: Run, field: WatchedField, step: int, labels: Sequence[str], *, own_colours: bool = False
) -> PanelSet:
    """Prediction, target and error of a field at a step; the same object while files stay.

    In the colours of the oldest forecast that is kept, so that steps compare, or in the step's
    `own_colours`.
    """
    return _panels(_wanted(run, field, step, labels, own_colours=own_colours))


def frames(
    run: Run,
    field: WatchedField,
    steps: Sequence[int],
    labels: Sequence[str],
    *,
    own_colours: bool = False,
) -> list[Drawing]:
    """Each step as a frame of an animation."""
    return [_frame(_wanted(run, field, step, labels, own_colours=own_colours)) for step in steps]


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """Which maps, for the caches."""

    folder: Path
    field: WatchedField
    step: int
    coloured_by: int
    """The step whose values span the colours."""
    labels: tuple[str, ...]
    written: tuple[int | None, int | None]
    """When the forecasts of both were: a run that goes on may replace what it made."""


def _wanted(
    run: Run, field: WatchedField, step: int, labels: Sequence[str], *, own_colours: bool
) -> _Wanted:
    folder = WatchedFolder(run.folder)
    first = step if own_colours else folder.steps()[0]
    return _Wanted(
        folder=run.folder,
        field=field,
        step=step,
        coloured_by=first,
        labels=tuple(labels),
        written=(folder.written(first), folder.written(step)),
    )


def _drawn(wanted: _Wanted, step: int) -> PanelSet:
    kept = WatchedFolder(wanted.folder)
    truth = _target(wanted.folder, kept.written())
    forecast = _forecast(wanted.folder, step, kept.written(step))
    key = wanted.field.key
    scene = Scene(
        variable=variable(wanted.field),
        latitudes=truth.sample.latitudes,
        longitudes=truth.sample.longitudes,
        level=wanted.field.level,
        valid_time=truth.sample.valid,
        lead_hours=truth.sample.lead_hours,
        labels=wanted.labels,
        remark=f"step {step:,}",
    )
    return comparison_panels(forecast.values[key], truth.values[key], scene, None)


@st.cache_resource(max_entries=8, show_spinner=False)
def _target(folder: Path, written: int | None) -> Kept:
    found = WatchedFolder(folder).target()
    assert found is not None
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def _forecast(folder: Path, step: int, written: int | None) -> Kept:
    return WatchedFolder(folder).forecast(step)


@st.cache_resource(max_entries=8, show_spinner=False)
def _panels(wanted: _Wanted) -> PanelSet:
    shown = _drawn(wanted, wanted.step)
    if wanted.coloured_by == wanted.step:
        return shown
    scales = SharedScales()
    scales.add(_drawn(wanted, wanted.coloured_by))
    return scales.of(shown)


@st.cache_resource(max_entries=64, show_spinner=False)
def _frame(wanted: _Wanted) -> Drawing:
    return map_frame(_panels(wanted))
