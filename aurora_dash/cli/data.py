"""``aurora-dash data check``: what is in files, and what stands in the way of training."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

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
    from aurora_dash.data.summary import DataSummary


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
    from aurora_dash.data.check import check_for_training, describe, launchable
    from aurora_dash.data.source import open_data

    spec = find_spec(options.spec, store_of(options))
    data = spec.data.replace(source="files", paths=tuple(options.paths))
    spec = spec.replace(data=data).with_overrides(options.assignments)
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    try:
        findings = check_for_training(opened, spec)
        summary = describe(opened)
    finally:
        opened.close()
    ready = launchable(findings)
    verdict = "A run can start on this data." if ready else "A run can not start on this data."
    return Answer(
        document={
            "launchable": ready,
            "summary": summary.to_dict(),
            "findings": [finding.to_dict() for finding in findings],
        },
        text="\n".join((_summary_text(summary), findings_text(findings), verdict)),
        exit_code=0 if ready else 1,
    )


def _summary_text(summary: DataSummary) -> str:
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
    ]
    return "\n".join(lines)
