"""A report as one HTML file that needs nothing else: no script, no network, no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from aurora_dash.evaluation.report.cards import cell_text
from aurora_dash.evaluation.report.content import CardTable, Cell, Fact, Picture, Report, Table
from aurora_dash.figures.theme import BLUE, VERMILION, faint

_FULL_COLOUR_PERCENT = 30.0
_STRONGEST = 0.75


def render_html(report: Report) -> str:
    """The whole file. All text is escaped; pictures lie in it as they are or as data addresses."""
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    title = escape(report.title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Even a mistake here could ask nobody for anything.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{title}</title>\n<style>\n{style}</style></head>\n<body>\n"
        + "\n".join(_body(report))
        + "\n</body></html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    yield f"<header><h1>{escape(report.title)}</h1>"
    if report.labels:
        labels = " ".join(f"<span>{escape(label)}</span>" for label in report.labels)
        yield f'<p class="labels">{labels}</p>'
    yield _facts(report.facts)
    yield "</header>"
    yield from (f"<p><strong>{escape(verdict)}</strong></p>" for verdict in report.verdicts)
    yield from (f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings)
    yield from _cards(report.cards)
    if report.curves:
        yield "<h2>Score against lead time</h2>"
        figures = (f"<figure>{picture.content.decode()}</figure>" for picture in report.curves)
        yield f'<div class="curves">{"".join(figures)}</div>'
    if report.maps:
        yield "<h2>Maps of the first forecast</h2>"
        yield from map(_map, report.maps)
    yield from _tables(report.tables)
    yield from (f'<p class="quiet">{escape(text)}</p>' for text in report.left_out)
    yield "<h2>How it was made</h2>"
    yield from (f"<p>{escape(text)}</p>" for text in report.method)
    yield _folded("The request", _code(report.request))
    if report.spec is not None:
        yield _folded("The spec of the run", _code(report.spec))
    yield "<h2>Where it comes from</h2>"
    yield _facts(report.provenance)
    yield f"<footer><p class=quiet>{escape(report.attribution)}</p></footer>"


def _facts(facts: tuple[Fact, ...]) -> str:
    pairs = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{''.join(pairs)}</dl>"


def _folded(title: str, content: str, *, opened: bool = False) -> str:
    return (
        f"<details{' open' if opened else ''}><summary>{escape(title)}</summary>{content}</details>"
    )


def _code(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _map(picture: Picture) -> str:
    data = base64.b64encode(picture.content).decode()
    caption = escape(picture.caption)
    return (
        f'<figure><img src="data:image/{picture.format};base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _cards(cards: tuple[CardTable, ...]) -> Iterator[str]:
    if not cards:
        return
    yield "<h2>Scorecard</h2>"
    keys = "".join(
        f' <span class="key" style="background:{faint(colour, _STRONGEST)}"></span> {word}'
        for colour, word in ((BLUE, "better"), (VERMILION, "worse"))
    )
    yield (
        '<p class="quiet">Per cent against the reference, below zero is better:'
        f"{keys}; the full colour from {_FULL_COLOUR_PERCENT:g} % on.</p>"
    )
    first = [card for card in cards if card.measure == cards[0].measure]
    first = [card for card in first if card.region == cards[0].region]
    open_cards = "".join(f"<div><h3>{escape(c.title)}</h3>{_card(c)}</div>" for c in first)
    yield f'<div class="cards">{open_cards}</div>'
    for card in cards:
        if card not in first:
            yield _folded(card.title, _card(card))


def _card(card: CardTable) -> str:
    heads = "".join(f"<th>{lead} h</th>" for lead in card.lead_hours)
    rows = (
        f"<tr><th>{escape(name)}</th>{''.join(map(_cell, cells))}</tr>" for name, cells in card.rows
    )
    return (
        f"<p>{escape(card.verdict)}</p>"
        f'<div class="wide"><table class="card"><thead><tr><th>Field</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    look = ""
    if cell.percent is not None:
        strength = min(1.0, abs(cell.percent) / _FULL_COLOUR_PERCENT) * _STRONGEST
        colour = faint(BLUE if cell.percent < 0 else VERMILION, round(strength, 2))
        look = f' style="background:{colour}"'
    return f'<td{look} title="{escape(cell.detail)}">{escape(cell_text(cell))}</td>'


def _tables(tables: tuple[Table, ...]) -> Iterator[str]:
    if tables:
        yield "<h2>Scores</h2>"
    for index, table in enumerate(tables):
        yield _folded(table.title, _table(table), opened=index == 0)


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        words = ' class="word"'
        inner = "".join(
            f"<{tag}{words if index < table.num_labels else ''}>{escape(cell)}</{tag}>"
            for index, cell in enumerate(cells)
        )
        return f"<tr>{inner}</tr>"

    body = "".join(row(cells, "td") for cells in table.rows)
    return (
        f'<div class="wide long"><table><thead>{row(table.columns, "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
