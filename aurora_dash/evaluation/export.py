"""A checkpoint of a run as files that plain aurora and people can use without this project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aurora_dash import __version__
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.job import list_evaluations, load_evaluation
from aurora_dash.evaluation.request import Weights
from aurora_dash.evaluation.results import EvaluationResult, replacing, score_record
from aurora_dash.evaluation.sources import CheckpointRef, Subject
from aurora_dash.evaluation.status import EvaluationState
from aurora_dash.model.card import CardFacts, licence_of, model_card
from aurora_dash.model.export import PlainModel
from aurora_dash.model.saved import find_intact, read_meta
from aurora_dash.runs.files import utc_now, write_atomic
from aurora_dash.runs.store import Run
from aurora_dash.variables import Group

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The files of an export."""

    checkpoint: Path
    card: Path
    description: Path
    sha256: str
    num_parameters: int
    document: Mapping[str, Any]
    """What the JSON file says."""


def default_path(run: Run, checkpoint: str = "best") -> Path:
    """Where a checkpoint goes unless told otherwise; named after the checkpoint that is meant."""
    name = find_intact(run.checkpoints_folder, checkpoint)[0].name
    return run.export_folder / f"{name}.ckpt"


def export_run(
    run: Run, path: Path, checkpoint: str = "best", *, weights: Weights = "auto"
) -> Exported:
    """Write a checkpoint of a run to `path`, its card (.md) and description (.json) beside it.

    The checkpoint is a flat dictionary of weights, LoRA merged, which `load_checkpoint_local` of
    plain aurora loads. It is written beside and renamed, last of the three, so that a crash
    leaves no half a file. `weights` says whether the weights themselves or their moving average
    is meant; ``auto``: those that validation measured. Raises `CheckpointError`, `RunError` or
    `EvaluationError`.
    """
    path = path.expanduser().absolute()
    if path.suffix in ("", ".md", ".json") or path.is_dir():
        raise EvaluationError(
            f"{path} can't be the exported checkpoint: its card and description take the endings "
            ".md and .json beside it.",
            remedy=f"Give a file such as {path.with_suffix('.ckpt').name}.",
        )
    subject = CheckpointRef(run=run, checkpoint=checkpoint, weights=weights).resolve()
    built = subject.load()
    plain = PlainModel.of(built, subject.spec)
    evaluation = _evaluation_of(subject)
    snippet = plain.snippet(path.name)
    with replacing(path) as beside:
        digest = plain.save(beside)
        document = _describe(subject, plain, evaluation) | {
            "checkpoint": path.name,
            "sha256": digest,
            "snippet": snippet,
            "statistics": built.statistics.to_dict(),
        }
        facts = _facts(subject, plain, evaluation, path.name, snippet, built.num_trainable)
        write_atomic(path.with_suffix(".md"), model_card(facts))
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        write_atomic(path.with_suffix(".json"), text + "\n")
    return Exported(
        checkpoint=path,
        card=path.with_suffix(".md"),
        description=path.with_suffix(".json"),
        sha256=digest,
        num_parameters=plain.num_parameters,
        document=document,
    )


def _evaluation_of(subject: Subject) -> EvaluationResult | None:
    """The newest complete evaluation of this very checkpoint."""
    assert subject.run is not None
    for status in list_evaluations(subject.run):
        if status.state is EvaluationState.COMPLETED:
            result = load_evaluation(subject.run, status.id)
            if result.summary.checkpoint == subject.name:
                return result
    return None


def _describe(
    subject: Subject, plain: PlainModel, evaluation: EvaluationResult | None
) -> dict[str, Any]:
    assert subject.run is not None
    assert subject.checkpoint is not None
    spec, meta = subject.spec, read_meta(subject.checkpoint)
    random_weights = subject.random_weights
    return {
        "schema_version": SCHEMA_VERSION,
        "run": subject.run.id,
        "step": meta.step,
        "created": utc_now().isoformat(timespec="seconds"),
        "num_parameters": plain.num_parameters,
        "constructor": {"class": plain.class_name, "options": plain.options_as_json()},
        "variables": {str(group): list(spec.names(group)) for group in Group},
        "new_variables": [variable.model_dump(mode="json") for variable in spec.variables],
        "own_statistics": {
            "surface": dict(plain.surface_statistics),
            "atmospheric": dict(plain.atmospheric_statistics),
        },
        "spec": spec.model_dump(mode="json"),
        "synthetic_data": spec.is_demo,
        "random_weights": random_weights,
        "licence": licence_of(spec, random_weights=random_weights),
        "versions": {**meta.versions, "aurora-dash": __version__},
        "evaluation": evaluation and evaluation.summary.model_dump(mode="json"),
        "scores": evaluation.records() if evaluation else None,
    }


def _facts(
    subject: Subject,
    plain: PlainModel,
    evaluation: EvaluationResult | None,
    filename: str,
    snippet: str,
    num_trained: int,
) -> CardFacts:
    random_weights = subject.random_weights
    return CardFacts(
        title=subject.spec.name,
        checkpoint=subject.name,
        filename=filename,
        spec=subject.spec,
        snippet=snippet,
        num_parameters=plain.num_parameters,
        num_trained=num_trained,
        licence=licence_of(subject.spec, random_weights=random_weights),
        scores=[score_record(score) for score in evaluation.scores if score.is_plain]
        if evaluation
        else (),
        judged_on=_judged_on(evaluation) if evaluation else "",
        random_weights=random_weights,
    )


def _judged_on(evaluation: EvaluationResult) -> str:
    summary = evaluation.summary
    period = f"{summary.first_valid_time} to {summary.last_valid_time}"
    return f"{summary.num_samples} samples, {period}. {summary.attribution}".strip(" .")
