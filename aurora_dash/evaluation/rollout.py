"""Forecasts over any data to any number of lead times, written to a file as they are made.

One initial time goes through the model after the other, and only the fields of one step are in
memory, so that neither the length of a forecast nor their number costs any. What was stopped or
killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from aurora import Aurora, Batch, Metadata
from torch import Tensor

from aurora_dash import __version__
from aurora_dash.data.batches import VariableNames, WindowSamples
from aurora_dash.data.open import OpenedData
from aurora_dash.data.provenance import attribution
from aurora_dash.data.source import open_data
from aurora_dash.data.times import Times, format_time
from aurora_dash.data.windows import Window
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.forecast import forecast
from aurora_dash.evaluation.forecast_store import ForecastAxes, ForecastStore, StoredFields
from aurora_dash.evaluation.plan_checks import one_part, require_inputs, require_lead
from aurora_dash.evaluation.request import RolloutRequest
from aurora_dash.evaluation.results import require_writable
from aurora_dash.evaluation.samples import initial_windows
from aurora_dash.evaluation.sources import CheckpointRef, Subject
from aurora_dash.evaluation.targets import Target, predicted_targets
from aurora_dash.evaluation.truth import fields_of
from aurora_dash.model.card import licence_of
from aurora_dash.model.device import choose_device
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.runs.store import RunStore, default_root
from aurora_dash.variables import Group

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Forecasts that were written."""

    path: Path
    checkpoint: str
    starts: Times
    lead_hours: tuple[int, ...]
    variables: tuple[str, ...]
    """Their names in the file."""
    steps_made: int
    """Forecast steps that were not there yet."""


@dataclass(frozen=True, kw_only=True)
class _Journey:
    """What a rollout works with."""

    request: RolloutRequest
    subject: Subject
    opened: OpenedData
    windows: tuple[Window, ...]
    targets: tuple[Target, ...]
    store: ForecastStore


def rollout(
    request: RolloutRequest,
    path: Path,
    *,
    store: RunStore | None = None,
    roots: tuple[Path, ...] | None = None,
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Rollout:
    """Roll a checkpoint out and write a Zarr store (``.zarr``) or a NetCDF file (``.nc``).

    The targets need not be in the data. If `path` holds a part of the same forecasts, only the
    rest is made; `EvaluationError` if it holds others. `progress` gets the steps done, those on
    disk included, and in all; `should_stop` is asked before each step.
    """
    require_writable(path.parent)
    subject = CheckpointRef.of(request, store or RunStore(default_root())).resolve()
    data, _ = one_part(request, request.data or subject.spec.data)
    require_lead(request, subject.spec, data)
    variant = subject.spec.model.catalogue_entry
    opened = open_data(data, variant, subject.spec.variables, roots=roots)
    try:
        require_inputs(opened, subject.spec)
        journey = _journey(request, subject, opened, path)
        made = _go(journey, progress, should_stop)
        journey.store.finish()
    finally:
        opened.close()
    axes = journey.store.axes
    return Rollout(
        path=path,
        checkpoint=subject.name,
        starts=axes.starts,
        lead_hours=axes.lead_hours,
        variables=tuple(axes.names.values()),
        steps_made=made,
    )


def _journey(request: RolloutRequest, subject: Subject, opened: OpenedData, path: Path) -> _Journey:
    spec, dataset = subject.spec, opened.dataset
    times: Times = dataset["time"].values
    windows = initial_windows(
        times,
        spec.model.catalogue_entry.timestep_hours,
        request.every_hours,
        request.max_starts,
        request.start,
    )
    targets = _targets(request, subject)
    axes = ForecastAxes(
        starts=times[[window.inputs[-1] for window in windows]],
        lead_hours=tuple(spec.lead_hours * step for step in range(1, request.leads + 1)),
        levels=tuple(dataset["level"].values.tolist()) if "level" in dataset.dims else (),
        latitudes=dataset["latitude"].values,
        longitudes=dataset["longitude"].values,
        variables=tuple(target.variable for target in targets),
    )
    store = ForecastStore.open(path, axes, _provenance(request, subject, opened))
    return _Journey(
        request=request,
        subject=subject,
        opened=opened,
        windows=windows,
        targets=targets,
        store=store,
    )


def _targets(request: RolloutRequest, subject: Subject) -> tuple[Target, ...]:
    targets = predicted_targets(subject.spec)
    known = [target.name for target in targets]
    for name in request.variables:
        if name not in known:
            raise EvaluationError(
                f"The model does not predict {name!r}.", remedy=f"It predicts {', '.join(known)}."
            )
    return tuple(t for t in targets if not request.variables or t.name in request.variables)


def _provenance(
    request: RolloutRequest, subject: Subject, opened: OpenedData
) -> dict[str, str | int]:
    spec = subject.spec
    synthetic = spec.is_demo if request.data is None else request.data.source == "demo"
    synthetic = synthetic or bool(opened.dataset.attrs.get("synthetic"))
    first = opened.dataset["time"].values[0]
    return {
        "title": f"Forecasts of {subject.name}",
        "institution": "made by a user of Aurora Dash",
        "source": f"Aurora Dash {__version__}, model {spec.model.catalogue_entry.title}",
        "references": "https://doi.org/10.1038/s41586-025-09005-y",
        "model_variant": spec.model.variant,
        "model_checkpoint": subject.name,
        "model_licence": licence_of(spec, random_weights=subject.random_weights),
        "random_weights": int(subject.random_weights),
        "attribution": attribution(opened, synthetic=synthetic),
        "synthetic": int(synthetic),
        "comment": f"initial conditions: {len(opened.files)} files from {format_time(first)} on",
    }


def _go(journey: _Journey, progress: Progress, should_stop: Callable[[], bool]) -> int:
    """Make all steps that are not on disk; how many that were."""
    store = journey.store
    done, total = int(store.written.sum()), store.written.size
    progress(done, total)
    if done == total:
        return 0
    made = 0
    device = choose_device(journey.request.device)
    module = journey.subject.load().module.eval().to(device)
    names = VariableNames.of(journey.subject.spec)
    inputs = WindowSamples(journey.opened.dataset, journey.windows, names)
    for start in np.flatnonzero(~store.written.all(axis=1)).tolist():
        batch, first = _where_it_was(journey, module, inputs[start][0], start)
        steps = _steps(journey, module, batch, first, start)
        for step in range(first, len(store.axes.lead_hours)):
            if should_stop():
                raise EvaluationError(
                    f"The rollout was stopped after {done} of {total} steps.",
                    remedy="Start it again with the same output: it goes on.",
                )
            was_there = store.written[start, step]
            store.write(start, step, _kept(journey, next(steps)))
            done, made = done + (not was_there), made + 1
            progress(done, total)
    return made


def _steps(
    journey: _Journey, module: OwnStatistics, batch: Batch, first: int, start: int
) -> Iterator[Batch]:
    lead_hours = journey.subject.spec.lead_hours
    steps = len(journey.store.axes.lead_hours) - first
    predictions = forecast(module, batch, steps=steps, lead_hours=lead_hours, seed=start)
    while True:
        # Not in force while the caller works, and not inference_mode, which hides random
        # operations from the mode that seeds stochastic variants.
        with torch.no_grad():
            prediction = next(predictions, None)
        if prediction is None:
            return
        yield prediction


def _kept(journey: _Journey, prediction: Batch) -> StoredFields:
    fields = fields_of(prediction, 0)
    return {t.key: fields[t.key].float().cpu().numpy() for t in journey.targets}


def _where_it_was(
    journey: _Journey, module: OwnStatistics, inputs: Batch, start: int
) -> tuple[Batch, int]:
    """The input of the first step that is not on disk, and its number.

    A forecast begins anew where what is on disk is not all that it went on from: variables that
    were not written, the noise of a stochastic variant, inputs that a variant transforms.
    """
    done = int(np.argmin(journey.store.written[start]))
    given = {*(f"surf_{n}" for n in inputs.surf_vars), *(f"atmos_{n}" for n in inputs.atmos_vars)}
    is_plain = type(module).batch_transform_hook is Aurora.batch_transform_hook
    if not done or module.is_stochastic or not is_plain or not given <= {*journey.store.axes.names}:
        return inputs, 0
    inputs = inputs.crop(module.patch_size)
    history = next(iter(inputs.surf_vars.values())).shape[1]
    earlier = [
        _clipped(module, inputs, journey.store.read(start, step))
        for step in range(max(0, done - history), done)
    ]
    return _continued(inputs, earlier, done, journey.subject.spec.lead_hours), done


def _clipped(module: OwnStatistics, like: Batch, fields: StoredFields) -> Batch:
    """A prediction from disk, as it re-enters."""
    prediction = replace(
        like,
        surf_vars={n: _one(fields[f"surf_{n}"]) for n in like.surf_vars},
        atmos_vars={n: _one(fields[f"atmos_{n}"]) for n in like.atmos_vars},
    )
    clipped: Batch = module.apply_rollout_input_clipping(prediction)
    return clipped


def _one(field: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
    return torch.from_numpy(field)[None, None]


def _continued(inputs: Batch, earlier: Sequence[Batch], done: int, lead_hours: int) -> Batch:
    """The inputs with their oldest times replaced by predictions after them."""

    def joined(group: Group) -> dict[str, Tensor]:
        is_surface = group is Group.SURFACE
        given = inputs.surf_vars if is_surface else inputs.atmos_vars
        after = [batch.surf_vars if is_surface else batch.atmos_vars for batch in earlier]
        return {
            name: torch.cat([values[:, len(after) :], *(one[name] for one in after)], dim=1)
            for name, values in given.items()
        }

    metadata = inputs.metadata
    moment = tuple(time + timedelta(hours=done * lead_hours) for time in metadata.time)
    return replace(
        inputs,
        surf_vars=joined(Group.SURFACE),
        atmos_vars=joined(Group.ATMOSPHERIC),
        metadata=Metadata(
            lat=metadata.lat,
            lon=metadata.lon,
            time=moment,
            atmos_levels=metadata.atmos_levels,
            rollout_step=done,
        ),
    )
