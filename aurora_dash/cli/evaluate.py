"""``aurora-dash evaluate``: scores of a checkpoint beside persistence and beside its start."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aurora_dash.cli.evaluate_options import (
    add_comparison_options,
    add_score_options,
    score_fields,
)
from aurora_dash.cli.options import (
    Commands,
    Parser,
    add_data_option,
    add_runs_option,
    add_set_option,
    changed,
    store_of,
)
from aurora_dash.cli.output import Answer, number, table
from aurora_dash.cli.progress import ProgressLine
from aurora_dash.presets import get_preset
from aurora_dash.spec import DataSpec

if TYPE_CHECKING:
    from aurora_dash.evaluation.metrics import Score
    from aurora_dash.evaluation.request import EvaluationRequest
    from aurora_dash.evaluation.results import EvaluationResult
    from aurora_dash.evaluation.sources import CheckpointRef
    from aurora_dash.runs.store import RunStore

_SAMPLES = {"all": "all", "validation": "validation", "train": "training"}

_MORE = """\
CHECKPOINT is a run's id (its best checkpoint), run@last, run@step-00000120, the folder of a run
or of a checkpoint, or a checkpoint file in Aurora's format. Without --data the run's own data is
used; with --data its levels and region are kept, its periods and its mix are not.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "evaluate", evaluate, help="score a checkpoint, by variable, level and lead", more=_MORE
    )
    add_checkpoint_options(parser)
    parser.add_argument("--leads", type=int, default=1, metavar="N", help="forecast steps (1)")
    add_comparison_options(parser)
    parser.add_argument(
        "--split", choices=["all", "validation", "train"], default="all", help="samples (all)"
    )
    add_score_options(parser)
    parser.add_argument("--variables", nargs="+", default=[], metavar="NAME", help="(all)")
    parser.add_argument("--batch-size", type=int, default=1, metavar="N")
    parser.add_argument("--max-samples", type=int, metavar="N", help="only the first (all)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for scores.json and more")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="also write a report: .html, or .md for a card"
    )


def add_checkpoint_options(parser: Parser) -> None:
    """Which checkpoint, on which data, where."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="run id or checkpoint")
    parser.add_argument("--variant", metavar="ID", help="variant of a checkpoint file")
    parser.add_argument("--part", metavar="NAME", help="part of a mix to judge on (the first)")
    add_weights_option(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N (auto)")
    add_data_option(parser, help="files, folders or globs to judge on")
    add_set_option(parser)
    add_runs_option(parser)


def checkpoint_of(options: argparse.Namespace) -> CheckpointRef:
    """The checkpoint that the options of `add_checkpoint_options` name."""
    from aurora_dash.evaluation.sources import CheckpointRef

    return CheckpointRef.parse(
        options.checkpoint, store_of(options), variant=options.variant, weights=options.weights
    )


def add_weights_option(parser: Parser) -> None:
    """The weights themselves, or their average."""
    parser.add_argument(
        "--weights",
        choices=["auto", "raw", "average"],
        default="auto",
        help="the weights themselves or their moving average; auto: those that validation measured",
    )


def evaluate(options: argparse.Namespace) -> Answer:
    """Score a checkpoint and write the result."""
    from aurora_dash.evaluation.report.write import require_report_path, write_report
    from aurora_dash.evaluation.request import EvaluationRequest

    store = store_of(options)
    ref = checkpoint_of(options)
    request = EvaluationRequest.build(
        {
            **ref.request_fields(),
            "data": data_of(ref, options),
            "part": options.part,
            "split": options.split,
            "leads": options.leads,
            "variables": tuple(options.variables),
            **score_fields(options, ref.store or store),
            "batch_size": options.batch_size,
            "max_samples": options.max_samples,
            "device": options.device,
        }
    )
    if options.report is not None:
        require_report_path(options.report)
    result = _judge(ref, request, options.out, ref.store or store)
    for warning in result.summary.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    if options.report is not None:
        write_report(result, options.report, store=ref.store or store)
        sys.stderr.write(f"report: {options.report}\n")
    return Answer(document=result.records(), text=_text(result))


def _judge(
    ref: CheckpointRef, request: EvaluationRequest, folder: Path | None, store: RunStore
) -> EvaluationResult:
    """The result, in `folder`; without one in the run's own, where pages show it too."""
    from aurora_dash.evaluation.evaluate import evaluate as judge
    from aurora_dash.evaluation.job import evaluate_here

    line = ProgressLine()

    def progress(done: int, total: int) -> None:
        line.show(f"forecast step {done}/{total}")

    try:
        if folder is None and ref.run is not None:
            return evaluate_here(ref.run, request, progress=progress)
        folder = folder or Path("evaluation")
        if (folder / "scores.json").exists():
            sys.stderr.write(f"replacing the evaluation in {folder}\n")
        return judge(request, folder, store=store, progress=progress)
    finally:
        line.end()


def data_of(ref: CheckpointRef, options: argparse.Namespace) -> DataSpec | None:
    """The data to judge on; None where it is simply the run's own."""
    if not options.data and not options.assignments:
        return None
    spec = ref.run.spec() if ref.run else get_preset("demo")
    if options.data:
        from aurora_dash.evaluation.request import NOT_OF_OTHER_FILES

        # Periods and parts belong to the run's own files.
        spec = spec.replace(data=spec.data.replace(**NOT_OF_OTHER_FILES))
    return changed(spec, options).data


def _text(result: EvaluationResult) -> str:
    summary = result.summary
    notes = [
        note
        for note, holds in (
            ("SYNTHETIC DATA", summary.synthetic),
            ("RANDOM WEIGHTS", summary.random_weights),
        )
        if holds
    ]
    old = summary.old_variables
    return "\n".join(
        (
            f"{summary.checkpoint}, {_SAMPLES[summary.request.split]} samples "
            f"({summary.num_samples})  {' '.join(notes)}".rstrip(),
            _score_table(result),
            *([] if old is None else [f"variables it had before: {old}"]),
            f"{result.folder}",
        )
    )


def _score_table(result: EvaluationResult) -> str:
    """The first measure that was asked for, over all hours, seasons and surfaces."""
    summary = result.summary
    metric = summary.request.measures[0]
    sources, references = list(summary.sources), list(summary.sources)[1:]
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    units: dict[tuple[Any, ...], str] = {}
    for score in result.scores:
        if score.surface or score.hour or score.season or score.neighbourhood:
            continue
        level = "-" if score.level is None else f"{score.level:g}"
        at = "" if score.threshold is None else f" >= {score.threshold:g}"
        key = (score.variable + at, level, score.lead_hours, score.region)
        if score.metric == metric:
            rows.setdefault(key, {})[score.source] = number(score.value)
            units[key] = score.unit
        elif score.metric == f"{metric}_skill":
            rows.setdefault(key, {})[f"skill {score.reference}"] = _skill(score)
    skills = [f"skill {name}" for name in references if f"{metric}_skill" in _metrics(result)]
    body = [
        _row(key, units[key], summary.samples_by_lead, (cells.get(n) for n in (*sources, *skills)))
        for key, cells in rows.items()
    ]
    return table((metric, "level", "lead", "samples", "region", "unit", *sources, *skills), body)


def _metrics(result: EvaluationResult) -> set[str]:
    return {score.metric for score in result.scores}


def _skill(score: Score) -> str:
    """Such as ``12.0 % (8.1 to 15.2)``; ``~`` where the difference may be chance."""
    percent = f"{100 * score.value:.1f} %"
    if score.low is None or score.high is None:
        return percent
    mark = "" if score.significant else " ~"
    return f"{percent} ({100 * score.low:.1f} to {100 * score.high:.1f}){mark}"


def _row(
    key: tuple[Any, ...],
    unit: str,
    samples_by_lead: Mapping[int, int],
    cells: Iterable[str | None],
) -> tuple[str, ...]:
    variable, level, lead, region = key
    # The scores' name of no region; the data may be a box.
    region = "whole area" if region == "global" else region
    return (
        variable,
        level,
        f"{lead} h",
        f"{samples_by_lead[lead]}",
        region,
        unit,
        *(cell or number(None) for cell in cells),
    )
