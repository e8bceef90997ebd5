"""What an evaluation leaves on disk, and how to read it. Free of torch.

``scores.json`` is a list of records, ``scores.nc`` the same as a dataset
(`aurora_dash.evaluation.outcome`), ``summary.json`` says what was judged and on what, and
``fields.nc`` holds whole fields of the first samples for maps (`aurora_dash.evaluation.fields`).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.old_variables import OldVariables
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.runs.files import cannot_write, write_atomic

SCORES_FILE = "scores.json"
SUMMARY_FILE = "summary.json"
FIELDS_FILE = "fields.nc"

SYNTHETIC = "synthetic data"
LEARNT_SYNTHETIC = "trained on synthetic data"
RANDOM = "random weights"

_ALWAYS_RECORDED = ("variable", "level")


class EvaluationSummary(BaseModel):
    """What was judged, on what, and what a reader of the scores has to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    request: EvaluationRequest
    checkpoint: str
    """What was judged, in words, such as ``run 20250601-demo, step-00000120``."""
    variant: str
    synthetic: bool
    """The data is generated, not weather."""
    trained_on_synthetic: bool
    random_weights: bool
    """The model started from random numbers, so that it is no forecast model."""
    sources: tuple[str, ...]
    num_samples: int
    samples_by_lead: dict[int, int]
    """How many samples have a target at each lead time (hours)."""
    first_valid_time: str
    last_valid_time: str
    """Of the targets, ISO 8601 UTC."""
    latitudes: tuple[float, float]
    longitudes: tuple[float, float]
    """First and last of the grid that was scored."""
    height: int
    width: int
    levels: tuple[float, ...]
    map_samples: int
    """For how many samples ``fields.nc`` holds fields."""
    findings: tuple[dict[str, Any], ...] = ()
    """What was done to the data on opening, the crop to the model's patches included."""
    missing: tuple[dict[str, Any], ...] = ()
    """Points that could not be scored, by field."""
    warnings: tuple[str, ...] = ()
    old_variables: OldVariables | None = None
    """For a run that added variables: what became of the skill of the others."""
    attribution: str = ""
    versions: dict[str, str] = {}
    seconds: float = 0.0

    @property
    def labels(self) -> list[str]:
        """What must stand on all scores, maps and reports of the evaluation."""
        holds = {
            SYNTHETIC: self.synthetic,
            LEARNT_SYNTHETIC: self.trained_on_synthetic and not self.synthetic,
            RANDOM: self.random_weights,
        }
        return [label for label, held in holds.items() if held]


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """Scores and summary of one evaluation, and the folder they lie in."""

    folder: Path
    scores: tuple[Score, ...]
    summary: EvaluationSummary

    @property
    def fields_path(self) -> Path | None:
        """The file of whole fields, or None if none were kept."""
        path = self.folder / FIELDS_FILE
        return path if path.is_file() else None

    def records(self) -> list[dict[str, Any]]:
        """The scores as plain records, the content of ``scores.json``."""
        return [score_record(score) for score in self.scores]


def score_record(score: Score) -> dict[str, Any]:
    """A score as plain data; a whole level is an integer, and what does not apply is left out."""
    record = {
        name: value
        for name, value in asdict(score).items()
        if value is not None or name in _ALWAYS_RECORDED
    }
    if score.level is not None and float(score.level).is_integer():
        record["level"] = int(score.level)
    return record


def write_result(result: EvaluationResult) -> None:
    """Write ``scores.json`` and then ``summary.json``, each whole or not at all.

    Makes the folder; `RunError` if the system refuses.
    """
    make_folder(result.folder)
    records = ",\n".join("  " + json.dumps(r, allow_nan=False) for r in result.records())
    write_atomic(result.folder / SCORES_FILE, f"[\n{records}\n]\n")
    write_atomic(result.folder / SUMMARY_FILE, result.summary.model_dump_json(indent=2) + "\n")


def read_result(folder: Path) -> EvaluationResult:
    """Read what `write_result` wrote; `EvaluationError` names the file that is wrong."""
    summary_text = _read(folder / SUMMARY_FILE)
    scores_text = _read(folder / SCORES_FILE)
    try:
        summary = EvaluationSummary.model_validate_json(summary_text)
    except ValidationError as error:
        raise EvaluationError(f"{folder / SUMMARY_FILE} is damaged: {error}.") from error
    try:
        scores = tuple(Score(**record) for record in json.loads(scores_text))
    except (ValueError, TypeError) as error:
        raise EvaluationError(f"{folder / SCORES_FILE} is damaged: {error}.") from error
    return EvaluationResult(folder=folder, scores=scores, summary=summary)


def select_scores(
    scores: Sequence[Score], *, source: str, metric: str, region: str = "global"
) -> dict[tuple[str, float | None, int], float]:
    """Values by variable, level and lead of one source, metric and region, over all times."""
    return {
        (score.variable, score.level, score.lead_hours): score.value
        for score in scores
        if score.is_plain and (score.source, score.metric, score.region) == (source, metric, region)
    }


def require_writable(folder: Path) -> None:
    """`RunError` if a folder can't be written to or made, before hours are spent on its content."""
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise cannot_write(folder, NotADirectoryError(f"{nearest} is not a folder"))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise cannot_write(folder, PermissionError(f"{nearest} may not be written to"))


def make_folder(folder: Path) -> None:
    """Make a folder with its parents; `RunError` if the system refuses after all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place when the block succeeds.

    `RunError` if the disk is full or the folder can't be written to; an old file stays.
    """
    beside: Path | None = None
    try:
        make_folder(path.parent)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        beside = Path(name)
        yield beside
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"Can't read {path}: {error}.") from error
