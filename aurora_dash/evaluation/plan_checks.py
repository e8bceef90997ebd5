"""What stands in the way of judging, and what a reader of the scores should know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aurora_dash.data.checks_axes import axis_findings
from aurora_dash.data.open import OpenedData
from aurora_dash.data.places import Place
from aurora_dash.data.roots import expand_paths
from aurora_dash.errors import EvaluationError, PathError
from aurora_dash.evaluation.measures import NEEDS_MEMBERS
from aurora_dash.evaluation.request import EvaluationRequest, ForecastRequest
from aurora_dash.evaluation.rivals import Rivals
from aurora_dash.evaluation.samples import Sample
from aurora_dash.evaluation.sources import Subject
from aurora_dash.spec import DataSpec, RunSpec


def lead_warning(
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


def one_part(request: ForecastRequest, data: DataSpec) -> tuple[DataSpec, tuple[str, ...]]:
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


def require_inputs(opened: OpenedData, spec: RunSpec) -> None:
    """`EvaluationError` if the data lacks what the model needs as input."""
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


def require_lead(request: ForecastRequest, spec: RunSpec, data: DataSpec) -> None:
    """`EvaluationError` if the data or the model can't have these lead times."""
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


def require_sense(request: EvaluationRequest, rivals: Rivals) -> None:
    """`EvaluationError` if a measure needs an ensemble, and nothing that is judged is one."""
    wanted = [name for name in request.measures if name in NEEDS_MEMBERS]
    sizes = [request.members, *(file.num_members for file in rivals.files.values())]
    if wanted and max(sizes) == 1:
        raise EvaluationError(
            f"{', '.join(wanted)} is a score of ensembles, and nothing that is judged is one.",
            remedy="Give members for a stochastic model, or an ensemble of forecasts in a file.",
        )


def split_warning(request: EvaluationRequest, subject: Subject, data: DataSpec) -> tuple[str, ...]:
    """That the samples are some that the run was trained on, if so."""
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
