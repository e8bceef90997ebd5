"""``aurora-dash data check``: what is in files, and what stands in the way of training."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from aurora_dash.cli import fetch, prepare
from aurora_dash.cli.findings import findings_text
from aurora_dash.cli.options import (
    Commands,
    add_runs_option,
    add_set_option,
    find_spec,
    store_of,
)
from aurora_dash.cli.output import Answer

if TYPE_CHECKING:
    from aurora_dash.data.plan import SplitSummary
    from aurora_dash.data.summary import DataSummary

_USES = {"train": "  train on", "gap": "  left out", "validation": "  validate"}


def register(commands: Commands) -> None:
    """Add the commands."""
    group = Commands(commands.group("data", help="look at data"))
    parser = group.add(
        "check",
        check,
        help="open files and say what stands in the way of training on them",
        more="Exits 1 if a run on this data could not start. Without --spec the data is checked\n"
        "for the small variant; --set model.variant=... chooses another.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, folders or globs")
    parser.add_argument(
        "--spec", default="demo", help="spec file, preset or run that is to use the data"
    )
    add_set_option(parser)
    add_runs_option(parser)
    prepare.register(group)
    fetch.register(group)


def check(options: argparse.Namespace) -> Answer:
    """Summary and findings of the files."""
    from aurora_dash.data.check import describe, launchable
    from aurora_dash.data.mix import check_parts, close_parts, open_parts
    from aurora_dash.data.plan import describe_split

    spec = find_spec(options.spec, store_of(options))
    data = spec.data.replace(source="files", paths=tuple(options.paths))
    spec = spec.replace(data=data).with_overrides(options.assignments)
    parts = open_parts(spec)
    try:
        findings = check_parts(parts)
        summaries = [describe(part.opened) for part in parts]
        splits = [describe_split(part.spec, part.times) for part in parts]
    finally:
        close_parts(parts)
    texts = [
        "\n".join((*([f"part       {part.name}"] if part.name else ()), _text(summary, split)))
        for part, summary, split in zip(parts, summaries, splits, strict=True)
    ]
    ready = launchable(findings)
    verdict = "A run can start on this data." if ready else "A run can not start on this data."
    return Answer(
        document={
            "launchable": ready,
            **_told(summaries[0], splits[0]),
            "parts": [
                {"name": part.name, "weight": part.weight, **_told(summary, split)}
                for part, summary, split in zip(parts, summaries, splits, strict=True)
                if part.name
            ],
            "findings": [finding.to_dict() for finding in findings],
        },
        text="\n".join((*texts, findings_text(findings), verdict)),
        exit_code=0 if ready else 1,
    )


def _told(summary: DataSummary, split: SplitSummary) -> dict[str, Any]:
    return {"summary": summary.to_dict(), "split": split.to_dict()}


def _text(summary: DataSummary, split: SplitSummary) -> str:
    grid, times = summary.grid, summary.times
    step = f" every {times.step_hours:g} h" if times and times.step_hours else ""
    names = ", ".join(f"{variable.name} ({variable.group})" for variable in summary.variables)
    lines = [
        f"variables  {names}",
        f"levels     {', '.join(f'{level:g}' for level in summary.levels) or 'none'} (hPa)",
        f"times      {times.count} from {times.first} to {times.last}{step}"
        if times
        else "times      none",
        f"grid       {grid.num_latitudes} x {grid.num_longitudes}, "
        f"{grid.north:g} to {grid.south:g} N, {grid.west:g} to {grid.east:g} E",
        f"samples    {split.num_train} to train on, {split.num_validation} to validate with"
        + (f", {split.num_left_out} between them left out" if split.num_left_out else ""),
        *(f"{_USES[span.use]:10} {span.first} to {span.last}" for span in split.spans),
    ]
    return "\n".join(lines)
