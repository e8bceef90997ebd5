"""All that can be decided, and refused, before any weights are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from aurora_dash.data.area import area_weights
from aurora_dash.data.checks_axes import axis_findings
from aurora_dash.data.open import OpenedData
from aurora_dash.data.places import Place
from aurora_dash.data.plan import time_parts
from aurora_dash.data.roots import expand_paths
from aurora_dash.data.source import open_data
from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError, PathError
from aurora_dash.evaluation.fields import FieldAxes, FieldKeeper, fitting_samples
from aurora_dash.evaluation.metrics import ScoreBook
from aurora_dash.evaluation.regions import region_mask
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.samples import Sample, make_samples
from aurora_dash.evaluation.sources import Subject
from aurora_dash.evaluation.targets import Target, choose_targets
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
    targets: tuple[Target, ...]
    sources: tuple[str, ...]
    """``model`` first, then what it is compared with."""
    warnings: tuple[str, ...]

    @property
    def lead_hours(self) -> int:
        """Of one forecast step."""
        return self.spec.lead_hours

    @property
    def levels(self) -> tuple[float, ...]:
        """Pressure levels (hPa), in the order of the data."""
        dataset = self.opened.dataset
        return tuple(dataset["level"].values.tolist()) if "level" in dataset.dims else ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Canonical names of what is scored."""
        return tuple(target.key for target in self.targets)

    @cached_property
    def chunks(self) -> tuple[range, ...]:
        """Positions of the samples that go through the model together."""
        size = self.request.batch_size
        starts = range(0, len(self.samples), size)
        return tuple(range(start, min(start + size, len(self.samples))) for start in starts)

    def steps(self, chunk: range) -> int:
        """How far a chunk has to be rolled out."""
        return max(self.samples[position].steps for position in chunk)

    def unit(self, variable: str) -> str:
        """Unit of a scored variable."""
        return next(target.unit for target in self.targets if target.name == variable)

    def new_book(self) -> ScoreBook:
        """An empty book for this grid, weighted by area."""
        latitudes = self.opened.dataset["latitude"].values
        longitudes = self.opened.dataset["longitude"].values
        masks = {name: region_mask(name, latitudes, longitudes) for name in self.request.regions}
        return ScoreBook(area_weights(latitudes)[:, None], masks)

    def new_keeper(self) -> FieldKeeper | None:
        """A keeper for as many samples as may be kept; None for none."""
        axes = FieldAxes(
            sources=self.sources,
            leads=tuple(self.lead_hours * step for step in range(1, self.request.leads + 1)),
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
    request: EvaluationRequest, subject: Subject, *, roots: Sequence[Path] | None = None
) -> Plan:
    """Open the data and find what can be judged; the caller closes `Plan.opened`.

    `EvaluationError` or `DataError` says why nothing can be.
    """
    data, part_note = _one_part(request, request.data or subject.spec.data)
    spec = subject.spec
    variant = spec.model.catalogue_entry
    _require_lead(request, spec, data)
    opened = open_data(data, variant, spec.variables, roots=roots)
    try:
        _require_inputs(opened, spec)
        times = _times(opened)
        samples = make_samples(
            times,
            request,
            history_hours=variant.timestep_hours,
            lead_hours=spec.lead_hours,
            parts=time_parts(spec.replace(data=data), times),
        )
        targets, warnings = choose_targets(
            spec, request, [str(key) for key in opened.dataset.data_vars]
        )
    except BaseException:
        opened.close()
        raise
    initial, notes = _initial(request, subject)
    return Plan(
        request=request,
        subject=subject,
        spec=spec,
        data=data,
        opened=opened,
        samples=samples,
        targets=targets,
        sources=("model", *request.baselines, *initial),
        warnings=(
            *part_note,
            *notes,
            *_split_warning(request, subject, data),
            *_lead_warning(request, spec, samples),
            *warnings,
        ),
    )


def _lead_warning(
    request: EvaluationRequest, spec: RunSpec, samples: Sequence[Sample]
) -> tuple[str, ...]:
    """That the data does not reach as far as was asked for, if so."""
    reached = max((step for sample in samples for step in sample.targets), default=0)
    if reached == request.leads:
        return ()
    return (
        f"{request.leads} lead times were asked for; the data reaches {reached}, "
        f"{reached * spec.lead_hours} h.",
    )


def _one_part(request: EvaluationRequest, data: DataSpec) -> tuple[DataSpec, tuple[str, ...]]:
    """The data to judge on, of a mix one part, and what to know about the choice."""
    parts = {part.name: part.data for part in data.parts if part.name}
    if request.part is not None and request.part not in parts:
        known = f"It has {', '.join(parts)}." if parts else "It is no mix."
        raise EvaluationError(f"The data has no part {request.part!r}.", remedy=known)
    if not parts:
        return data, ()
    name = request.part or next(iter(parts))
    others = ", ".join(other for other in parts if other != name)
    note = f"Judged on the part {name!r} of a mix alone" + (
        f", not on {others}." if others else "."
    )
    return parts[name], (note,)


def _times(opened: OpenedData) -> Times:
    dataset = opened.dataset
    times: Times = dataset["time"].values if "time" in dataset.dims else np.array([], "M8[ns]")
    return times


def _require_inputs(opened: OpenedData, spec: RunSpec) -> None:
    findings = [
        finding
        for finding in axis_findings(opened.dataset, spec)
        # What is predicted only is judged with the other targets: here the model's needs count.
        if finding.severity == "error" and finding.code != "missing-target"
    ]
    if findings:
        raise EvaluationError(
            " ".join(finding.message for finding in findings),
            remedy=" ".join(dict.fromkeys(finding.remedy for finding in findings)),
        )


def _require_lead(request: EvaluationRequest, spec: RunSpec, data: DataSpec) -> None:
    timestep = spec.model.catalogue_entry.timestep_hours
    if data.lead_hours not in (None, spec.lead_hours):
        raise EvaluationError(
            f"The checkpoint forecasts {spec.lead_hours} hours ahead; the data asks for "
            f"data.lead_hours = {data.lead_hours}.",
            remedy="Leave data.lead_hours out, and roll out with leads.",
        )
    if request.leads > 1 and spec.lead_hours != timestep:
        raise EvaluationError(
            f"Forecasts of {spec.lead_hours} hours can't be rolled out: the history of this model "
            f"is {timestep} hours apart.",
            remedy="Evaluate one lead time (leads = 1).",
        )
    if request.leads > 1 and spec.input_only:
        raise EvaluationError(
            f"Forecasts can't be rolled out: {', '.join(spec.input_only)} is given to the model "
            "and not predicted, so that it is not known at the second step.",
            remedy="Evaluate one lead time (leads = 1).",
        )


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


def _split_warning(request: EvaluationRequest, subject: Subject, data: DataSpec) -> tuple[str, ...]:
    if subject.run is None or request.split == "validation":
        return ()
    if not any(_share_data(data, part.data) for part in subject.spec.data.parts):
        return ()
    return (
        "The scores include samples that the run was trained on; the split 'validation' of its "
        "own data shows how it does on others.",
    )


def _share_data(one: DataSpec, other: DataSpec) -> bool:
    """Whether two selections draw on the same generated weather, or on a file in common."""
    if one.source != other.source:
        return False
    if one.source == "demo":
        return one.demo == other.demo
    return not _files(one).isdisjoint(_files(other))


def _files(data: DataSpec) -> set[Place]:
    try:
        places = expand_paths(data.paths)
        return {place.resolve() if isinstance(place, Path) else place for place in places}
    except PathError:
        return set()
