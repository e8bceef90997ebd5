"""One forecast beside what came true, as a figure for print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from aurora_dash.data.times import format_time
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.evaluate import ignore_progress, judge_plan
from aurora_dash.evaluation.fields import TARGET
from aurora_dash.evaluation.outcome import curve, tabulate
from aurora_dash.evaluation.plan import Plan, make_plan
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import replacing, require_writable
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.evaluation.statistics import Scorer
from aurora_dash.evaluation.summary import is_synthetic, plan_attribution
from aurora_dash.evaluation.targets import Target
from aurora_dash.figures.publication import comparison_figure
from aurora_dash.figures.scene import Scene
from aurora_dash.spec import DataSpec
from aurora_dash.variables import Group

Format = Literal["png", "svg", "pdf"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure that was written, and what it shows."""

    path: Path
    checkpoint: str
    variable: str
    level: float | None
    unit: str
    sample_index: int
    num_samples: int
    """How many samples there are to choose from."""
    lead_hours: int
    valid_time: str
    rmse: dict[str, float]
    """Of this sample, by source."""
    labels: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {**asdict(self), "path": str(self.path), "labels": list(self.labels)}


def visualize(
    ref: CheckpointRef,
    data: DataSpec | None,
    *,
    var: str,
    output: Path,
    part: str | None = None,
    level: float | None = None,
    sample_index: int = 0,
    lead: int = 1,
    difference: bool = False,
    device: str = "auto",
    roots: Sequence[Path] | None = None,
    progress: Callable[[int, int], None] = ignore_progress,
) -> Picture:
    """Draw prediction, target and error of one sample, and write PNG, SVG or PDF by the suffix.

    `sample_index` counts the samples of the data (None: the run's own; of a mix `part`) that have
    a target after `lead` forecast steps. `difference` adds the error of persistence, to see the
    model's against. `EvaluationError` says what is not there: the variable, the level, the sample.
    """
    file_format = _format(output)
    require_writable(output.parent)
    request = EvaluationRequest.build(
        {
            **ref.request_fields(),
            "data": data,
            "part": part,
            "leads": lead,
            "variables": (var,),
            "initial": False,
            "max_map_samples": 1,
            "device": device,
        }
    )
    plan = make_plan(request, ref.resolve(), roots=roots)
    try:
        level = _level(plan, plan.targets[0], level)
        chosen, num_samples = _only(plan, sample_index, lead)
        field, scorer = _forecast(chosen, level, lead, progress)
        scene = _scene(chosen, field, level)
    finally:
        plan.opened.close()
    _draw(field, scene, output, file_format, difference=difference)
    return Picture(
        path=output,
        checkpoint=plan.subject.name,
        variable=var,
        level=level,
        unit=scene.variable.unit,
        sample_index=sample_index,
        num_samples=num_samples,
        lead_hours=lead * plan.lead_hours,
        valid_time=format_time(_valid_time(field)),
        rmse=_rmse(chosen, scorer, level, lead),
        labels=tuple(scene.labels),
    )


def _format(output: Path) -> Format:
    suffix = output.suffix.lower().removeprefix(".")
    for known in get_args(Format):
        if suffix == known:
            return known  # type: ignore[no-any-return]
    raise EvaluationError(
        f"{output.name} does not say in which format to draw.",
        remedy=f"End it with one of {', '.join(f'.{known}' for known in get_args(Format))}.",
    )


def _level(plan: Plan, target: Target, level: float | None) -> float | None:
    """The level to draw; the only one there is may be left unsaid."""
    known = ", ".join(f"{value:g}" for value in plan.levels)
    if target.group is Group.SURFACE:
        if level is None:
            return None
        raise EvaluationError(
            f"{target.name} is a surface variable: it has no level {level:g} hPa.",
            remedy="Leave the level out.",
        )
    if level is None and len(plan.levels) == 1:
        return plan.levels[0]
    if level is None:
        raise EvaluationError(
            f"{target.name} is on several levels: {known} hPa.", remedy="Name one of them."
        )
    if level not in plan.levels:
        raise EvaluationError(
            f"The data has no level {level:g} hPa.", remedy=f"It has {known} hPa."
        )
    return level


def _only(plan: Plan, sample_index: int, lead: int) -> tuple[Plan, int]:
    """The plan with one sample alone, and how many there were."""
    samples = [sample for sample in plan.samples if lead in sample.targets]
    if not 0 <= sample_index < len(samples):
        raise EvaluationError(
            f"There is no sample {sample_index}: {len(samples)} samples have a target "
            f"{lead * plan.lead_hours} hours ahead.",
            remedy=f"Choose one from 0 to {len(samples) - 1}." if samples else "Lower the lead.",
        )
    return replace(plan, samples=(samples[sample_index],)), len(samples)


def _forecast(
    plan: Plan, level: float | None, lead: int, progress: Callable[[int, int], None]
) -> tuple[xr.DataArray, Scorer]:
    """The one field of the one sample, (source, latitude, longitude), and how it was judged."""
    scorer, keeper = judge_plan(plan, progress)
    if keeper is None:
        raise EvaluationError(
            f"The fields of one sample do not fit into {plan.request.max_map_bytes} bytes.",
            remedy="Choose a region or a shorter lead.",
        )
    kept = keeper.dataset({})[plan.targets[0].key]
    field = kept.isel(sample=0).sel(lead=lead * plan.lead_hours)
    return field if level is None else field.sel(level=level), scorer


def _rmse(plan: Plan, scorer: Scorer, level: float | None, lead: int) -> dict[str, float]:
    """Of the one sample, by source."""
    found = curve(tabulate(plan, scorer), "rmse", plan.targets[0].name, level)
    at_lead = found.sel(lead=lead * plan.lead_hours)
    return dict(zip(at_lead["source"].values.tolist(), at_lead.values.tolist(), strict=True))


def _valid_time(field: xr.DataArray) -> np.datetime64:
    return np.datetime64(field["valid_time"].item(), "ns")


def _scene(plan: Plan, field: xr.DataArray, level: float | None) -> Scene:
    labels = (
        ("synthetic data", is_synthetic(plan)),
        ("random weights", plan.subject.random_weights),
    )
    return Scene(
        variable=plan.targets[0].variable,
        latitudes=field["latitude"].values,
        longitudes=field["longitude"].values,
        level=level,
        valid_time=_valid_time(field),
        lead_hours=float(field["lead"]),
        labels=[label for label, holds in labels if holds],
        attribution=plan_attribution(plan),
    )


def _draw(
    field: xr.DataArray, scene: Scene, output: Path, file_format: Format, *, difference: bool
) -> None:
    image = comparison_figure(
        field.sel(source="model").values,
        field.sel(source=TARGET).values,
        scene,
        persistence=field.sel(source="persistence").values if difference else None,
        file_format=file_format,
    )
    with replacing(output) as beside:
        beside.write_bytes(image)
