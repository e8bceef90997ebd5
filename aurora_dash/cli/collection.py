"""``aurora-dash runs``: what is done with several: list, compare, tag, delete, restore, export."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from aurora_dash.cli.options import Commands, Handler, Parser, add_runs_option, store_of
from aurora_dash.cli.output import Answer, number, one_line, table
from aurora_dash.cli.summary import losses, progress_text, run_summary
from aurora_dash.errors import RunError
from aurora_dash.runs.annotations import annotate, read_annotations
from aurora_dash.runs.conditions import matching, parse_condition
from aurora_dash.runs.overview import differences_of, overview_of
from aurora_dash.runs.tables import write_metrics


def register(group: Commands) -> None:
    """Add the commands."""
    list_parser = group.add(
        "list",
        list_runs,
        help="runs, newest first",
        more="--where takes conditions such as 'optimiser.lr<1e-4', tag=best, state=failed and\n"
        "name~norway (a part of the name); all have to hold.",
    )
    list_parser.add_argument(
        "--where", nargs="+", default=[], metavar="CONDITION", help="only runs that meet these"
    )
    add_runs_option(list_parser)
    _add(group, "delete", delete, help="move runs to the trash folder beside them")
    _add(group, "restore", restore, help="bring deleted runs back")
    _add(group, "compare", compare, help="losses and differences of specs")
    tag_parser = _add(group, "tag", tag, help="change the tags or the notes of runs")
    tag_parser.add_argument("--add", nargs="+", default=[], metavar="TAG", help="tags to add")
    tag_parser.add_argument("--remove", nargs="+", default=[], metavar="TAG", help="to take away")
    tag_parser.add_argument("--notes", metavar="TEXT", help="replaces the notes")
    metrics_parser = _add(group, "metrics", metrics, help="metrics as CSV or Parquet")
    metrics_parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="FILE.csv or FILE.parquet"
    )


def _add(group: Commands, name: str, handler: Handler, *, help: str) -> Parser:
    parser = group.add(name, handler, help=help)
    parser.add_argument("run_ids", nargs="+", metavar="RUN", help="ids of runs")
    add_runs_option(parser)
    return parser


def list_runs(options: argparse.Namespace) -> Answer:
    """Summaries of all runs."""
    store = store_of(options)
    conditions = [parse_condition(text) for text in options.where]
    found = matching((overview_of(run) for run in store.list()), conditions)
    summaries = [run_summary(overview.run) for overview in found]
    rows = [
        (
            summary["run_id"],
            overview.status.in_words,
            f"{summary['steps']}/{summary['total_steps'] or '?'}",
            number(summary["last_loss"]),
            number(summary["best_loss"]),
            summary["launched_by"] or "",
            ", ".join((*summary["tags"], *summary["labels"])),
        )
        for overview, summary in zip(found, summaries, strict=True)
    ]
    text = table(("run", "state", "step", "loss", "best", "by", ""), rows)
    such = " that meet this" if conditions else ""
    nothing = f"There are no runs{such} in {store.root}."
    return Answer(document=summaries, text=text if rows else nothing)


def delete(options: argparse.Namespace) -> Answer:
    """Move runs to the trash."""
    store = store_of(options)
    runs = [store.get(run_id) for run_id in options.run_ids]
    moved = [{"run_id": run.id, "moved_to": str(store.delete(run.id))} for run in runs]
    return Answer(
        document=moved,
        text="\n".join(f"{entry['run_id']} moved to {entry['moved_to']}" for entry in moved),
    )


def restore(options: argparse.Namespace) -> Answer:
    """Bring runs back from the trash."""
    store = store_of(options)
    trashed = {path.name: path for path in reversed(store.trashed())}
    for run_id in options.run_ids:
        if run_id not in trashed:
            raise RunError(
                f"There is no deleted run {run_id!r} in {store.root}.",
                remedy=f"Deleted: {', '.join(sorted(trashed)) or 'none'}.",
            )
    runs = [store.restore(trashed[run_id]) for run_id in dict.fromkeys(options.run_ids)]
    text = "\n".join(f"{run.id}: {progress_text(run.status())}" for run in runs)
    return Answer(document=[run_summary(run) for run in runs], text=text)


def tag(options: argparse.Namespace) -> Answer:
    """Change what is said of runs."""
    store = store_of(options)
    said = {}
    for run in [store.get(run_id) for run_id in options.run_ids]:
        before = read_annotations(run.folder).tags
        tags = [name for name in (*before, *options.add) if name not in options.remove]
        said[run.id] = annotate(run.folder, tags=tags, notes=options.notes)
    return Answer(
        document={run_id: found.model_dump(mode="json") for run_id, found in said.items()},
        text="\n".join(
            one_line(f"{run_id}: {', '.join(found.tags) or 'no tags'}. {found.notes}")
            for run_id, found in said.items()
        ),
    )


def metrics(options: argparse.Namespace) -> Answer:
    """Write the metrics of runs into one file."""
    store = store_of(options)
    runs = [store.get(run_id) for run_id in options.run_ids]
    size = write_metrics(runs, options.out)
    return Answer(
        document={"file": str(options.out), "bytes": size},
        text=f"{options.out}: {size:,} bytes",
    )


def compare(options: argparse.Namespace) -> Answer:
    """Losses side by side, and the fields of the specs that differ."""
    store = store_of(options)
    runs = [store.get(run_id) for run_id in dict.fromkeys(options.run_ids)]
    results = [{**run_summary(run), **losses(run)} for run in runs]
    for run in runs:
        run.spec()
    differences = differences_of([overview_of(run) for run in runs])
    keys = (
        *("final_loss", "best_training_loss", "final_validation_loss", "best_validation_loss"),
        "persistence_validation_loss",
    )
    rows = [
        ("state", *(str(result["state"]) for result in results)),
        *((key, *(number(result[key]) for result in results)) for key in keys),
        *(
            (name, *(json.dumps(value) for value in values.values()))
            for name, values in differences.items()
        ),
    ]
    return Answer(
        document={"runs": results, "differences": differences},
        text=table(("", *(run.id for run in runs)), rows),
    )
