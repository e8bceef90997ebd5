"""The examination of data as one HTML file that needs nothing else: no script, no network."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from aurora_dash.figures.thumbnails import thumbnail

_HEADINGS = {
    "error": "In the way of a launch",
    "warning": "Worth a look",
    "info": "Done while opening",
}
_USES = {"train": "  train on", "gap": "  left out", "validation": "  validate"}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; }
section { border-left: 4px solid #808080; padding: 0.2rem 1rem; margin: 1rem 0; }
section.error { border-color: #D55E00; } section.warning { border-color: #E69F00; }
svg { max-width: 100%; } dt { float: left; clear: left; width: 8rem; color: #808080; }
dd { margin-left: 8.5rem; } code { overflow-wrap: anywhere; } .where { color: #808080; }
"""


def check_report(document: Mapping[str, Any], *, title: str) -> str:
    """What ``data check --json`` gives, as a page to read, keep and send."""
    ready = document["launchable"]
    verdict = "A run can start on this data." if ready else "A run can not start on this data."
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p><strong>{verdict}</strong></p>",
        "<dl>",
        *_facts(document),
        "</dl>",
        *_findings(document["findings"]),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _facts(document: Mapping[str, Any]) -> Iterator[str]:
    for part in document["parts"] or [document]:
        named = [("part", part["name"])] if "name" in part else []
        for name, value in (*named, *summary_lines(part)):
            yield f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"


def summary_lines(part: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What data holds in a few named lines, the same in text and report; `part` is a document or
    a part of one."""
    summary, split = part["summary"], part["split"]
    grid, times = summary["grid"], summary["times"]
    names = ", ".join(f"{v['name']} ({v['group']})" for v in summary["variables"])
    levels = ", ".join(f"{level:g}" for level in summary["levels"])
    step = f" every {times['step_hours']:g} h" if times and times["step_hours"] else ""
    when = f"{times['count']} from {times['first']} to {times['last']}{step}" if times else "none"
    where = (
        f"{grid['num_latitudes']} x {grid['num_longitudes']}, {grid['north']:g} to "
        f"{grid['south']:g} N, {grid['west']:g} to {grid['east']:g} E"
    )
    return [
        ("variables", names),
        ("levels", f"{levels or 'none'} (hPa)"),
        ("times", when),
        ("grid", where),
        ("samples", _sample_line(split)),
        *((_USES[span["use"]], f"{span['first']} to {span['last']}") for span in split["spans"]),
    ]


def _sample_line(split: Mapping[str, Any]) -> str:
    left_out = split["num_left_out"]
    between = f", {left_out} between them left out" if left_out else ""
    return f"{split['num_train']} to train on, {split['num_validation']} to validate with{between}"


def _findings(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for severity, heading in _HEADINGS.items():
        group = [finding for finding in findings if finding["severity"] == severity]
        if group:
            yield f"<h2>{heading} ({len(group)})</h2>"
        for finding in group:
            yield _section(finding)


def _section(finding: Mapping[str, Any]) -> str:
    parts = [f'<section class="{finding["severity"]}"><p>{escape(finding["message"])}</p>']
    places = ", ".join(p for p in (finding["variable"], finding["where"]) if p)
    if places:
        parts.append(f'<p class="where">{escape(places)}</p>')
    if finding["picture"]:
        parts.append(thumbnail(finding["picture"]))
    if finding["remedy"]:
        parts.append(f"<p><strong>What to do:</strong> {escape(finding['remedy'])}</p>")
    for fix in finding["fixes"]:
        parts.append(f"<p>{escape(fix['label'])}: <code>{escape(set_option(fix))}</code></p>")
    return "\n".join([*parts, "</section>"])


def set_option(fix: Mapping[str, Any]) -> str:
    """A fix as an option of the command line, ready to be pasted into a shell."""
    return "--set " + " ".join(shlex.quote(assignment) for assignment in fix["set"])
