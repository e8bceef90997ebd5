"""All that can be decided, and refused, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.data.open import OpenedData
from aurora_dash.data.plan import time_parts
from aurora_dash.data.reading import read_values
from aurora_dash.data.source import open_data
from aurora_dash.data.times import Times
from aurora_dash.data.windows import TimeParts
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.areas import make_areas
from aurora_dash.evaluation.fields import FieldAxes, FieldKeeper, fitting_samples
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.measures import NEEDS_CLIMATOLOGY
from aurora_dash.evaluation.plan_checks import (
    lead_warning,
    one_part,
    require_inputs,
    require_lead,
    require_sense,
    split_warning,
)
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.rivals import Rivals, find_rivals, shared_samples
from aurora_dash.evaluation.samples import Sample, make_samples
from aurora_dash.evaluation.sources import Subject
from aurora_dash.evaluation.targets import Target, choose_targets
from aurora_dash.runs.store import RunStore, default_root
from aurora_dash.spec import DataSpec, RunSpec


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is judged, on which samples, against what."""

    request: EvaluationRequest
    subject: Subject
    spec: RunSpec
    data: DataSpec
    opened: OpenedData
    samples: tuple[Sample, ...]
    layout: Layout
    rivals: Rivals
    normal_times: tuple[int, ...]
    """Indices of the times of which a climatology of the data is made."""
    roots: tuple[Path, ...] | None
    warnings: tuple[str, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is scored."""
        return self.layout.targets

    @property
    def sources(self) -> tuple[str, ...]:
        """``model`` first, then what it is compared with."""
        return self.layout.sources

    @property
    def lead_hours(self) -> int:
        """Of one forecast step."""
        return self.spec.lead_hours

    @property
    def levels(self) -> tuple[float, ...]:
        """Pressure levels (hPa), in the order of the data."""
        return self.layout.levels

    @property
    def keys(self) -> tuple[str, ...]:
        """Canonical names of what is scored."""
        return tuple(target.key for target in self.targets)

    @property
    def needs_climatology(self) -> bool:
        """Whether a score or a source is made with one."""
        return "climatology" in self.sources or bool(NEEDS_CLIMATOLOGY & {*self.request.measures})

    @cached_property
    def chunks(self) -> tuple[range, ...]:
        """Positions of the samples that go through the model together."""
        size = self.request.batch_size
        starts = range(0, len(self.samples), size)
        return tuple(range(start, min(start + size, len(self.samples))) for start in starts)

    @property
    def starts(self) -> Times:
        """When each sample's forecast begins."""
        times: Times = self.opened.dataset["time"].values
        return times[[sample.inputs[-1] for sample in self.samples]]

    @property
    def scored(self) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Which samples have a target at which step, (samples, leads)."""
        steps = range(1, self.request.leads + 1)
        return np.array([[step in sample.targets for step in steps] for sample in self.samples])

    def steps(self, chunk: range) -> int:
        """How far a chunk has to be rolled out."""
        return max(self.samples[position].steps for position in chunk)

    def new_keeper(self) -> FieldKeeper | None:
        """A keeper for as many samples as may be kept; None for none."""
        axes = FieldAxes(
            sources=self.sources,
            leads=self.layout.lead_hours,
            levels=self.levels,
            latitudes=self.opened.dataset["latitude"].values,
            longitudes=self.opened.dataset["longitude"].values,
        )
        kept = fitting_samples(
            axes,
            self.keys,
            most_samples=min(self.request.max_map_samples, len(self.samples)),
            most_bytes=self.request.max_map_bytes,
        )
        return FieldKeeper(axes, self.keys, kept) if kept else None


def make_plan(
    request: EvaluationRequest,
    subject: Subject,
    *,
    store: RunStore | None = None,
    roots: Sequence[Path] | None = None,
) -> Plan:
    """Open the data and find what can be judged; the caller closes `Plan.opened`.

    `store` holds the runs that are judged beside it; None: the default one. `EvaluationError` or
    `DataError` says why nothing can be.
    """
    data, part_note = one_part(request, request.data or subject.spec.data)
    require_lead(request, subject.spec, data)
    opened = open_data(
        data, subject.spec.model.catalogue_entry, subject.spec.variables, roots=roots
    )
    try:
        plan = _planned(request, subject, data, opened, store, roots)
    except BaseException:
        opened.close()
        raise
    return replace(plan, warnings=(*part_note, *plan.warnings))


def _planned(
    request: EvaluationRequest,
    subject: Subject,
    data: DataSpec,
    opened: OpenedData,
    store: RunStore | None,
    roots: Sequence[Path] | None,
) -> Plan:
    spec, dataset = subject.spec, opened.dataset
    require_inputs(opened, spec)
    times = _times(dataset)
    parts = time_parts(spec.replace(data=data), times)
    samples = make_samples(
        times,
        request,
        history_hours=spec.model.catalogue_entry.timestep_hours,
        lead_hours=spec.lead_hours,
        parts=parts,
    )
    targets, warnings = choose_targets(spec, request, [str(key) for key in dataset.data_vars])
    initial, notes = _initial(request, subject)
    sources = ("model", *request.baselines, *initial, *(other.name for other in request.against))
    layout = _layout(request, spec, dataset, targets, sources)
    rivals = find_rivals(request, spec, layout, store or RunStore(default_root()), roots)
    require_sense(request, rivals)
    samples, shared = shared_samples(samples, times, rivals.files)
    plan = Plan(
        request=request,
        subject=subject,
        spec=spec,
        data=data,
        opened=opened,
        samples=samples,
        layout=layout,
        rivals=rivals,
        normal_times=_normal_times(request, parts),
        roots=None if roots is None else tuple(roots),
        warnings=(
            *notes,
            *split_warning(request, subject, data),
            *lead_warning(request, spec, samples),
            *warnings,
            *rivals.warnings,
            *shared,
        ),
    )
    return replace(plan, warnings=(*plan.warnings, *_normal_warning(plan)))


def _layout(
    request: EvaluationRequest,
    spec: RunSpec,
    dataset: xr.Dataset,
    targets: tuple[Target, ...],
    sources: tuple[str, ...],
) -> Layout:
    latitudes, longitudes = (
        dataset[axis].values.astype(np.float64) for axis in ("latitude", "longitude")
    )
    names = [target.name for target in targets]
    for name in request.thresholds:
        if name not in names:
            raise EvaluationError(
                f"There are thresholds for {name!r}, which is not scored.",
                remedy=f"Scored are {', '.join(names)}.",
            )
    land = _land(dataset) if "surface" in request.by else None
    return Layout(
        targets=targets,
        levels=tuple(dataset["level"].values.tolist()) if "level" in dataset.dims else (),
        lead_hours=tuple(spec.lead_hours * step for step in range(1, request.leads + 1)),
        sources=sources,
        areas=make_areas(request.regions, request.boxes, latitudes, longitudes, land),
        latitudes=latitudes,
        longitudes=longitudes,
        thresholds=request.thresholds,
        neighbourhoods=request.neighbourhoods,
    )


def _land(dataset: xr.Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if "static_lsm" not in dataset:
        raise EvaluationError(
            "The data has no land-sea mask (lsm), by which land and sea are told apart.",
            remedy="Add a file that holds it, or leave out the surface.",
        )
    return read_values(dataset["static_lsm"])


def _normal_times(request: EvaluationRequest, parts: TimeParts) -> tuple[int, ...]:
    """Where the validation part is judged the part before it, else all."""
    apart = request.split == "validation" and parts.train.any()
    chosen = parts.train if apart else np.ones(parts.train.shape, bool)
    return tuple(np.flatnonzero(chosen).tolist())


def _normal_warning(plan: Plan) -> tuple[str, ...]:
    if not plan.needs_climatology or plan.request.climatology not in (None, "data"):
        return ()
    times = plan.opened.dataset["time"].values[list(plan.normal_times)]
    days = (times.max() - times.min()) / np.timedelta64(1, "D")
    used = {index for sample in plan.samples for index in sample.targets.values()}
    judged = ", those that are judged among them" if used & {*plan.normal_times} else ""
    return (
        f"The climatology is made of {times.size} times over {days:g} days of the data{judged}: "
        "give one of many years as a file for scores that compare with others.",
    )


def _times(dataset: xr.Dataset) -> Times:
    times: Times = dataset["time"].values if "time" in dataset.dims else np.array([], "M8[ns]")
    return times


def _initial(
    request: EvaluationRequest, subject: Subject
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not request.initial:
        return (), ()
    if subject.has_initial:
        return ("initial",), ()
    return (), (
        f"{subject.name} is no checkpoint of a run, so that it is not known what it was before "
        "fine-tuning: there is no score of 'initial'.",
    )
