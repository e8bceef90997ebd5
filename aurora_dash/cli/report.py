"""``aurora-dash report``: an evaluation that was made already, as a document to keep and send."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dash.cli.options import Commands, add_runs_option, store_of
from aurora_dash.cli.output import Answer
from aurora_dash.errors import EvaluationError

if TYPE_CHECKING:
    from aurora_dash.evaluation.results import EvaluationResult
    from aurora_dash.runs.store import Run, RunStore

_MORE = """\
WHAT is a run's id or the folder that `evaluate --out` wrote. Of a run the newest complete
evaluation is meant unless EVALUATION, the name of a folder in its evaluation/, says otherwise.
FILE.html needs no other file and no network; FILE.md is a model card with its pictures in
FILE_files/.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add("report", report, help="write the report of an evaluation", more=_MORE)
    parser.add_argument("what", metavar="WHAT", help="run id, or folder of an evaluation")
    parser.add_argument("evaluation", nargs="?", metavar="EVALUATION", help="id (the newest)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".html or .md")
    add_runs_option(parser)


def report(options: argparse.Namespace) -> Answer:
    """Write the document and say which files there are."""
    from aurora_dash.evaluation.report.write import write_report

    store = store_of(options)
    result = _find(options.what, options.evaluation, store)
    files = write_report(result, options.out, store=store)
    document = {
        "path": str(files[0]),
        "files": [str(path) for path in files],
        "bytes": sum(path.stat().st_size for path in files),
        "checkpoint": result.summary.checkpoint,
        "evaluation": str(result.folder),
    }
    return Answer(document=document, text="\n".join(map(str, files)))


def _find(what: str, evaluation: str | None, store: RunStore) -> EvaluationResult:
    from aurora_dash.evaluation.job import load_evaluation
    from aurora_dash.evaluation.results import SUMMARY_FILE, read_result
    from aurora_dash.evaluation.sources import CheckpointRef

    if (Path(what) / SUMMARY_FILE).is_file():
        return read_result(Path(what))
    run = CheckpointRef.parse(what, store).run
    if run is None:
        raise EvaluationError(
            f"{what} is a checkpoint file, not an evaluation.",
            remedy="Give a run's id, or the folder that `evaluate --out` wrote.",
        )
    return load_evaluation(run, evaluation or _newest(run))


def _newest(run: Run) -> str:
    from aurora_dash.evaluation.job import EvaluationState, list_evaluations

    for status in list_evaluations(run):
        if status.state is EvaluationState.COMPLETED:
            return status.id
    raise EvaluationError(
        f"Run {run.id} has no complete evaluation.",
        remedy=f"Make one: aurora-dash evaluate {run.id}.",
    )
