"""``aurora-dash data check``: what is in files, and what stands in the way of training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

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
from aurora_dash.errors import PathError


def register(commands: Commands) -> None:
    """Add the commands."""
    group = Commands(commands.group("data", help="look at data"))
    parser = group.add(
        "check",
        check,
        help="open files and say what stands in the way of training on them",
        more="Exits 1 if a run on this data could not start. Without --spec the data is checked\n"
        "for the small variant; --set model.variant=... chooses another. Below a finding stand\n"
        "the --set options that mend it: give them to this command to see, then to train.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, folders or globs")
    parser.add_argument(
        "--spec", default="demo", help="spec file, preset or run that is to use the data"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="also write one HTML file with all findings and their pictures",
    )
    add_set_option(parser)
    add_runs_option(parser)
    prepare.register(group)
    fetch.register(group)


def check(options: argparse.Namespace) -> Answer:
    """Summary and findings of the files."""
    from aurora_dash.data.mix import check_parts, close_parts, open_parts
    from aurora_dash.data.report import check_document

    spec = find_spec(options.spec, store_of(options))
    data = spec.data.replace(source="files", paths=tuple(options.paths))
    spec = spec.replace(data=data).with_overrides(options.assignments)
    parts = open_parts(spec)
    try:
        findings = check_parts(parts)
        document = check_document(parts, findings)
    finally:
        close_parts(parts)
    texts = [_text(part) for part in document["parts"] or [document]]
    ready = document["launchable"]
    verdict = "A run can start on this data." if ready else "A run can not start on this data."
    notes = []
    if options.report is not None:
        names = ", ".join(options.paths)
        _write_report(options.report, document, title=f"Data check: {names}")
        notes.append(f"The report was written to {options.report}.")
    return Answer(
        document=document,
        text="\n".join((*texts, findings_text(findings), *notes, verdict)),
        exit_code=0 if ready else 1,
    )


def _text(part: dict[str, Any]) -> str:
    from aurora_dash.figures.check_report import summary_lines

    named = [("part", part["name"])] if "name" in part else []
    lines = (*named, *summary_lines(part))
    return "\n".join(f"{name:<10} {value}" for name, value in lines)


def _write_report(path: Path, document: dict[str, Any], *, title: str) -> None:
    from aurora_dash.figures.check_report import check_report

    try:
        path.write_text(check_report(document, title=title), encoding="utf-8")
    except OSError as error:
        raise PathError(
            f"The report can't be written to {path}: {error.strerror}.",
            remedy="Choose a file in a folder that exists and that you may write to.",
        ) from error
