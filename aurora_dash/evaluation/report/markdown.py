"""A report as Markdown that can be a model card on the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from aurora_dash.evaluation.report.cards import cell_text
from aurora_dash.evaluation.report.content import CardTable, Fact, Picture, Report, Table
from aurora_dash.model.card import front_matter

_MARKUP = re.compile(r"([\\`*_\[\]|~#])")


def render_markdown(report: Report, folder: str) -> str:
    """The text. Pictures are shown from `folder`, a path relative to it; empty: none are."""
    parts = [
        front_matter(report.hub),
        f"# {_plain(report.title)}",
        " · ".join(f"**{_plain(label).upper()}**" for label in report.labels),
        _facts(report.facts),
        *(f"**{_plain(verdict)}**" for verdict in report.verdicts),
        *(f"> {_plain(warning)}" for warning in report.warnings),
        *_cards(report.cards),
        *_pictures("Score against lead time", report.curves, folder),
        *_pictures("Maps of the first forecast", report.maps, folder),
        *_tables(report.tables),
        *(_plain(text) for text in report.left_out),
        "## How it was made",
        *(_plain(text) for text in report.method),
        f"The request:\n\n{_code(report.request)}",
        "" if report.spec is None else f"The spec of the run:\n\n{_code(report.spec)}",
        "## Where it comes from",
        _facts(report.provenance),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    """Text in which nothing is taken for markup, neither Markdown's nor HTML's."""
    return _MARKUP.sub(r"\\\1", escape(" ".join(text.split()), quote=False))


def _facts(facts: tuple[Fact, ...]) -> str:
    return "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in facts)


def _code(text: str) -> str:
    """A block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}json\n{text}\n{fence}"


def _rows(columns: tuple[str, ...], num_labels: int, rows: Iterator[tuple[str, ...]]) -> str:
    marks = ["---"] * num_labels + ["---:"] * (len(columns) - num_labels)
    lines = ([_plain(cell) for cell in row] for row in (columns, *rows))
    head, *body = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join((head, f"|{'|'.join(marks)}|", *body))


def _cards(cards: tuple[CardTable, ...]) -> Iterator[str]:
    if cards:
        yield "## Scorecard"
        yield "Per cent against the reference, below zero is better; ~ may be chance."
    for card in cards:
        yield f"### {_plain(card.title)}"
        yield _plain(card.verdict)
        columns = ("Field", *(f"{lead} h" for lead in card.lead_hours))
        yield _rows(columns, 1, ((name, *map(cell_text, cells)) for name, cells in card.rows))


def _pictures(heading: str, pictures: tuple[Picture, ...], folder: str) -> Iterator[str]:
    if not (pictures and folder):
        return
    yield f"## {heading}"
    for picture in pictures:
        yield f"![{_plain(picture.caption)}](<{folder}/{picture.name}.{picture.format}>)"


def _tables(tables: tuple[Table, ...]) -> Iterator[str]:
    if tables:
        yield "## Scores"
    for table in tables:
        yield f"### {_plain(table.title)}"
        yield _rows(table.columns, table.num_labels, iter(table.rows))
