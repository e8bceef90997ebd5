"""What a checkpoint is judged beside: other checkpoints, and forecasts of others in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aurora_dash.data.roots import expand_paths
from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.forecast_file import ForecastFile, common_starts
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.request import EvaluationRequest, Reference
from aurora_dash.evaluation.samples import Sample
from aurora_dash.evaluation.sources import CheckpointRef, Subject
from aurora_dash.evaluation.targets import predicted_targets
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """The other checkpoints and files of a request, by their names."""

    checkpoints: Mapping[str, Subject]
    files: Mapping[str, ForecastFile]
    absent: Mapping[str, tuple[str, ...]]
    """Canonical names of scored variables that a rival does not forecast."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """That a rival has no score of some variables."""
        return tuple(
            f"{name} has no forecast of {', '.join(keys)}: it has no score of it."
            for name, keys in self.absent.items()
            if keys
        )


def find_rivals(
    request: EvaluationRequest,
    spec: RunSpec,
    layout: Layout,
    store: RunStore,
    roots: Sequence[Path] | None,
) -> Rivals:
    """Resolve and check them, without loading weights; `EvaluationError` if one can't compete."""
    checkpoints = {
        reference.name: _checkpoint(reference, spec, store)
        for reference in request.against
        if reference.forecast is None
    }
    files = {
        reference.name: _file(reference, layout, roots)
        for reference in request.against
        if reference.forecast is not None
    }
    known = {
        name: {target.key for target in predicted_targets(subject.spec)}
        for name, subject in checkpoints.items()
    } | {name: set(file.keys) for name, file in files.items()}
    scored = [target.key for target in layout.targets]
    absent = {n: tuple(key for key in scored if key not in keys) for n, keys in known.items()}
    for name, keys in absent.items():
        if len(keys) == len(scored):
            raise EvaluationError(
                f"{name} forecasts none of the variables that are scored: "
                f"{', '.join(target.name for target in layout.targets)}.",
                remedy="Leave it out, or name variables that it forecasts.",
            )
    return Rivals(checkpoints=checkpoints, files=files, absent=absent)


def shared_samples(
    samples: Sequence[Sample], times: Times, files: Mapping[str, ForecastFile]
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The samples whose initial times all files have, and warnings where that is not all."""
    starts = times[[sample.inputs[-1] for sample in samples]]
    shared, warnings = np.ones(starts.shape, bool), []
    for name, file in files.items():
        has, warning = common_starts(name, file, starts)
        shared &= has
        warnings += [warning] if warning else []
    if not shared.any():
        raise EvaluationError(
            f"{', '.join(files)} have no initial time in common with each other.",
            remedy="Judge against one of them at a time.",
        )
    kept = tuple(sample for sample, keep in zip(samples, shared, strict=True) if keep)
    return kept, tuple(warnings)


def _checkpoint(reference: Reference, spec: RunSpec, store: RunStore) -> Subject:
    ref = CheckpointRef(
        run=None if reference.run is None else store.get(reference.run),
        checkpoint=reference.checkpoint or "best",
        variant=reference.variant,
        weights=reference.weights,
    )
    subject = ref.resolve()
    found, wanted = (
        (one.lead_hours, one.model.catalogue_entry.timestep_hours) for one in (subject.spec, spec)
    )
    if found != wanted:
        raise EvaluationError(
            f"{reference.name} forecasts {found[0]} hours ahead from times {found[1]} hours apart, "
            f"the checkpoint that is judged {wanted[0]} hours from times {wanted[1]} hours apart.",
            remedy="Compare checkpoints of the same time step, or write forecasts of one to a file "
            "(`aurora-dash rollout`) and judge against that.",
        )
    return subject


def _file(reference: Reference, layout: Layout, roots: Sequence[Path] | None) -> ForecastFile:
    places = expand_paths([str(reference.forecast)], roots=roots)
    if len(places) != 1:
        raise EvaluationError(
            f"{reference.forecast} means {len(places)} files; forecasts are read from one.",
            remedy="Join them, or give a Zarr store.",
        )
    return ForecastFile(places[0], layout)
