"""The words that go with the scores: what was judged, on what, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from aurora_dash import __version__
from aurora_dash.data.provenance import attribution
from aurora_dash.data.times import format_time
from aurora_dash.evaluation.fields import FieldKeeper
from aurora_dash.evaluation.measures import MEASURES, NEEDS_MEMBERS
from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.old_variables import old_variables
from aurora_dash.evaluation.plan import Plan
from aurora_dash.evaluation.results import EvaluationSummary
from aurora_dash.evaluation.sums import Sums
from aurora_dash.evaluation.table import axis_of


def summarise(
    plan: Plan,
    sums: Sums,
    table: xr.Dataset,
    scores: Sequence[Score],
    keeper: FieldKeeper | None,
    seconds: float,
) -> EvaluationSummary:
    """All of ``summary.json``."""
    dataset = plan.opened.dataset
    times = dataset["time"].values
    steps = [step for sample in plan.samples for step in sample.targets]
    valid = times[[index for sample in plan.samples for index in sample.targets.values()]]
    missing = tuple(sums.missing())
    return EvaluationSummary(
        request=plan.request,
        checkpoint=plan.subject.name,
        variant=plan.spec.model.variant,
        synthetic=is_synthetic(plan),
        trained_on_synthetic=plan.subject.run is not None and plan.spec.is_demo,
        random_weights=plan.subject.random_weights,
        sources=plan.sources,
        num_samples=len(plan.samples),
        samples_by_lead={s * plan.lead_hours: steps.count(s) for s in sorted(set(steps))},
        first_valid_time=format_time(valid.min()),
        last_valid_time=format_time(valid.max()),
        latitudes=_ends(dataset["latitude"].values),
        longitudes=_ends(dataset["longitude"].values),
        height=dataset.sizes["latitude"],
        width=dataset.sizes["longitude"],
        levels=plan.levels,
        map_samples=keeper.num_samples if keeper else 0,
        findings=tuple(finding.to_dict() for finding in plan.opened.findings),
        missing=missing,
        warnings=(
            *plan.warnings,
            *_missing_warnings(missing),
            *_undefined_warnings(plan, table),
            *_map_warning(plan, keeper),
        ),
        old_variables=old_variables(scores, [v.name for v in plan.spec.variables if v.is_predicted])
        if plan.spec.variables
        else None,
        attribution=plan_attribution(plan),
        versions={
            "aurora-dash": __version__,
            "microsoft-aurora": version("microsoft-aurora"),
            "torch": version("torch"),
        },
        seconds=round(seconds, 3),
    )


def plan_attribution(plan: Plan) -> str:
    """Where the plan's data came from."""
    return attribution(plan.opened, synthetic=is_synthetic(plan))


def is_synthetic(plan: Plan) -> bool:
    """Whether the data is generated, by this project or by somebody who says so in the file."""
    return plan.data.source == "demo" or bool(plan.opened.dataset.attrs.get("synthetic"))


def field_attributes(plan: Plan, summary: EvaluationSummary) -> Mapping[str, Mapping[str, Any]]:
    """Attributes of ``fields.nc``, by variable; those of the file under the empty name."""
    variables = {
        target.key: {"units": target.unit, "long_name": target.variable.long_name}
        for target in plan.targets
    }
    title = f"Forecasts and targets: {summary.checkpoint}"
    return {"": _provenance(summary, title), **variables}


def table_attributes(summary: EvaluationSummary) -> Mapping[str, Any]:
    """Attributes of ``scores.nc``."""
    weighting = "means over grid and time weighted by area, then the score"
    return {**_provenance(summary, f"Scores: {summary.checkpoint}"), "comment": weighting}


def _provenance(summary: EvaluationSummary, title: str) -> Mapping[str, Any]:
    return {
        "Conventions": "CF-1.10",
        "title": title,
        "checkpoint": summary.checkpoint,
        "variant": summary.variant,
        "attribution": summary.attribution,
        "synthetic": int(summary.synthetic),
        "random_weights": int(summary.random_weights),
        "history": f"Aurora Dash {__version__}",
    }


def _ends(axis: np.ndarray[Any, Any]) -> tuple[float, float]:
    return float(axis[0]), float(axis[-1])


def _missing_warnings(missing: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    unforecast = [record for record in missing if record["forecast_missing"]]
    if not unforecast:
        return ()
    names = ", ".join(dict.fromkeys(record["variable"] for record in unforecast))
    points = sum(record["forecast_missing"] for record in unforecast)
    return (
        f"A forecast of {names} is missing or not finite at {points} points whose target exists; "
        "they are left out of the scores of all sources.",
    )


def _undefined_warnings(plan: Plan, table: xr.Dataset) -> tuple[str, ...]:
    """Scores of the model, over all times, that are not defined."""
    undefined: dict[tuple[str, ...], list[str]] = {}
    directions = [target.name for target in plan.targets if target.circular]
    reached = plan.scored.any(axis=0)
    for measure in (MEASURES[name] for name in plan.request.measures):
        if measure.name in NEEDS_MEMBERS:
            continue
        axis = axis_of(measure)
        found = table[measure.name].sel(source="model").isel(hour=0, season=0, lead=reached)
        missing = found.isnull().any([dim for dim in found.dims if dim != axis]).values
        variables = table["variable" if axis == "field" else f"{axis}_variable"].values[missing]
        named = dict.fromkeys(variables)
        names = tuple(v for v in named if measure.rounds or v not in directions)
        if names:
            undefined.setdefault(names, []).append(measure.long_name)
    return tuple(
        f"Not defined everywhere for {', '.join(names)}, as where there is no point, no variation "
        f"or no event, and without a record there: {'; '.join(measures)}."
        for names, measures in undefined.items()
    )


def _map_warning(plan: Plan, keeper: FieldKeeper | None) -> tuple[str, ...]:
    wanted = min(plan.request.max_map_samples, len(plan.samples))
    kept = keeper.num_samples if keeper else 0
    if kept == wanted:
        return ()
    return (
        f"Fields of {kept} samples instead of {wanted} were kept for maps, to stay within "
        f"{plan.request.max_map_bytes / 2**20:.0f} MiB: score fewer variables or leads, or raise "
        "max_map_bytes.",
    )
