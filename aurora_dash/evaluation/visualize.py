"""One forecast beside what came true, as a figure for print or as an animation over its leads.

The checkpoint is rolled out into a temporary store, field by field, and drawn from there: however
long the forecast, one step of it is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import xarray as xr

from aurora_dash.data.area import area_weights
from aurora_dash.data.source import open_data
from aurora_dash.data.times import format_time
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.evaluate import ignore_progress
from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.drawing import View, draw, wind_of
from aurora_dash.evaluation.maps.film import film
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.evaluation.maps.opening import of_stored
from aurora_dash.evaluation.plan_checks import one_part
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.results import replacing, require_writable
from aurora_dash.evaluation.rollout import rollout
from aurora_dash.evaluation.sought import Found, Sought, find
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.evaluation.targets import predicted_targets
from aurora_dash.figures.movie import MovieFormat
from aurora_dash.figures.publication import Format, panels_figure
from aurora_dash.figures.scene import FloatArray, Scene
from aurora_dash.spec import DataSpec
from aurora_dash.variables import split_key

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure or an animation that was written, and what it shows."""

    path: Path
    checkpoint: str
    variable: str
    level: float | None
    unit: str
    sample_index: int | None
    """None where the initial time was named."""
    num_samples: int
    """How many samples there are to choose from."""
    lead_hours: int
    """Of an animation the last."""
    valid_time: str
    rmse: dict[str, float]
    """Of this sample at that lead, by source; empty without a target."""
    labels: tuple[str, ...]
    frames: int
    """1 for a figure."""

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {**asdict(self), "path": str(self.path), "labels": list(self.labels)}


def visualize(
    ref: CheckpointRef,
    data: DataSpec | None,
    sought: Sought,
    *,
    output: Path,
    part: str | None = None,
    device: str = "auto",
    roots: Sequence[Path] | None = None,
    progress: Progress = ignore_progress,
) -> Picture:
    """Forecast and draw; PNG, SVG or PDF, or an animation as GIF or MP4, by the output's suffix.

    `data` is None for the run's own, of a mix `part`. `EvaluationError` says what is not there:
    the variable, the level, the sample.
    """
    file_format = _format(output)
    require_writable(output.parent)
    asked = {"part": part, "data": data, "leads": sought.lead, "start": sought.start}
    request = RolloutRequest.build({**ref.request_fields(), **asked, "device": device})
    subject = ref.resolve()
    data, _ = one_part(request, data or subject.spec.data)
    variant = subject.spec.model.catalogue_entry
    opened = open_data(data, variant, subject.spec.variables, roots=roots)
    try:
        found = find(subject, opened.dataset, sought, request.start)
        request = request.replace(data=data, part=None, start=found.start)
        roll = partial(_roll, request, found, opened.dataset, roots=roots, progress=progress)
        with ExitStack() as stack:
            forecasts = roll(ref, sought, stack)
            other = None
            if sought.minus is not None:
                second = roll(sought.minus, sought, stack)
                other = Other.of(forecasts, second, source="model", name=second.name)
            return _draw(forecasts, other, found, sought, output, file_format)
    finally:
        opened.close()


def _format(output: Path) -> Format | MovieFormat:
    suffix = output.suffix.lower().removeprefix(".")
    known = (*get_args(Format), *get_args(MovieFormat))
    if suffix in known:
        return suffix  # type: ignore[return-value]
    raise EvaluationError(
        f"{output.name} does not say in which format to draw.",
        remedy=f"End it with one of {', '.join(f'.{name}' for name in known)}.",
    )


def _roll(
    request: RolloutRequest,
    found: Found,
    truth: xr.Dataset,
    ref: CheckpointRef,
    sought: Sought,
    stack: ExitStack,
    *,
    roots: Sequence[Path] | None,
    progress: Progress,
) -> Forecasts:
    """The forecasts of a checkpoint, for as long as the stack is open."""
    predicted = {target.key for target in predicted_targets(ref.resolve().spec)}
    names = [found.target.name]
    if sought.look.wind:
        names += [split_key(key)[1] for key in wind_of(predicted, found.target.key) or ()]
    asked = request.replace(**ref.request_fields(), variables=tuple(dict.fromkeys(names)))
    path = Path(stack.enter_context(TemporaryDirectory(prefix="aurora-dash-"))) / "forecast.zarr"
    among = None if roots is None else tuple(roots)
    rollout(asked, path, store=ref.store, roots=among, progress=progress)
    return stack.enter_context(of_stored(path, truth))


def _draw(
    forecasts: Forecasts,
    other: Other | None,
    found: Found,
    sought: Sought,
    output: Path,
    file_format: Format | MovieFormat,
) -> Picture:
    at = At(key=found.target.key, level=found.level, sample=0, lead_hours=forecasts.lead_hours[-1])
    view = View(at=at, kinds=sought.kinds, wind=sought.look.wind is not None)
    with replacing(output) as beside:
        frames = 1
        if file_format == "gif" or file_format == "mp4":
            frames = film(
                forecasts,
                view,
                beside,
                file_format=file_format,
                other=other,
                look=sought.look,
                frames_per_second=sought.frames_per_second,
            )
        else:
            shown = draw(forecasts, view, other)
            beside.write_bytes(panels_figure(shown, sought.look, file_format=file_format))
    return Picture(
        path=output,
        checkpoint=forecasts.name,
        variable=sought.var,
        level=found.level,
        unit=forecasts.variables[at.key].unit,
        sample_index=None if sought.start else sought.sample_index,
        num_samples=found.num_samples,
        lead_hours=at.lead_hours,
        valid_time=format_time(forecasts.valid_time(at)),
        rmse=_rmse(forecasts, at, other),
        labels=forecasts.labels,
        frames=frames,
    )


def _rmse(forecasts: Forecasts, at: At, other: Other | None) -> dict[str, float]:
    """Of one field, by source."""
    target = forecasts.target(at)
    if target is None:
        return {}
    fields = {"model": forecasts.forecast(at), "persistence": forecasts.start(at)}
    if other is not None:
        fields[other.name] = other.forecast(at)
    scene = forecasts.scene(at)
    return {
        source: _mean_error(field, target, scene)
        for source, field in fields.items()
        if field is not None
    }


def _mean_error(field: FloatArray, target: FloatArray, scene: Scene) -> float:
    """Root of the mean square error weighted by area, over the points that have both."""
    error = scene.difference(field, target).astype(np.float64)
    weights = np.where(np.isfinite(error), area_weights(scene.latitudes)[:, None], 0.0)
    return float(np.sqrt(np.nansum(weights * error**2) / weights.sum()))
