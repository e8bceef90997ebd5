"""Scorecards and tables of scores, as the content of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.report.content import CardTable, Cell, Table
from aurora_dash.evaluation.report.wording import (
    as_reference,
    field_name,
    measure_name,
    number,
    percent,
    place_name,
)
from aurora_dash.evaluation.scorecard import (
    Scorecard,
    ScoredField,
    scorecard,
    scorecard_measures,
)
from aurora_dash.figures.labels import pretty_unit

_MOST_CELLS = 12_000
_MOST_ROWS = 4_000


def card_tables(table: xr.Dataset, names: Mapping[str, str]) -> tuple[CardTable, ...]:
    """The model against every other source, by measure and region, the first of both first.

    `names` says what a source is called. No more than a document of a size to send holds.
    """
    references = [source for source in table["source"].values.tolist() if source != "model"]
    found: list[CardTable] = []
    cells = 0
    for region in table["region"].values.tolist():
        for measure in scorecard_measures(table):
            for reference in references:
                card = scorecard(table, measure, reference, region=region)
                cells += card.percent.size
                if cells > _MOST_CELLS and found:
                    return tuple(found)
                if np.isfinite(card.percent).any():
                    found.append(_card_table(card, names))
    return tuple(found)


def _card_table(card: Scorecard, names: Mapping[str, str]) -> CardTable:
    reference = as_reference(card.reference, names[card.reference])
    return CardTable(
        title=f"{measure_name(card.measure)} against {reference}, {place_name(card.region)}",
        measure=card.measure,
        region=card.region,
        verdict=_verdict(card, reference),
        lead_hours=card.lead_hours,
        rows=tuple(
            (field_name(field), tuple(_cell(card, row, lead) for lead in range(len(values))))
            for row, (field, values) in enumerate(zip(card.rows, card.percent, strict=True))
            if np.isfinite(values).any()
        ),
    )


def _verdict(card: Scorecard, reference: str) -> str:
    known = np.isfinite(card.percent)
    better = int((card.percent[known] < 0).sum())
    what = "fields" if len(card.lead_hours) == 1 else "fields and lead times"
    text = f"Better than {reference} for {better} of {int(known.sum())} {what}"
    where = "" if card.region == "global" else f", {card.region}"
    sure = ""
    if card.significant is not None:
        surely = int((card.significant & known & (card.percent < 0)).sum())
        sure = f"; {surely} of these differences are larger than chance explains"
    return f"{text} ({measure_name(card.measure)}{where}){sure}."


def _cell(card: Scorecard, row: int, lead: int) -> Cell:
    change = float(card.percent[row, lead])
    unit = pretty_unit(MEASURES[card.measure].unit(card.rows[row].unit))
    of, against = number(card.values[row, lead]), number(card.reference_values[row, lead])
    return Cell(
        percent=change if np.isfinite(change) else None,
        detail=f"{of} against {against} {unit}",
        may_be_chance=card.significant is not None and not bool(card.significant[row, lead]),
    )


def score_tables(
    scores: Sequence[Score], names: Mapping[str, str]
) -> tuple[tuple[Table, ...], str]:
    """A table for each measure and region of all scores over all times and surfaces, and what is
    left out of them, in words."""
    rows: dict[tuple[str, str], dict[tuple[str, str, str], dict[str, str]]] = {}
    skipped = shown = 0
    for score in scores:
        if score.surface or score.hour or score.season or score.reference:
            skipped += 1
            continue
        table = rows.setdefault((score.metric, score.region), {})
        label = _label(score)
        if label not in table and shown == _MOST_ROWS:
            skipped += 1
            continue
        shown += label not in table
        table.setdefault(label, {})[score.source] = number(score.value)
    tables = tuple(
        _score_table(measure, region, found, names)
        for (measure, region), found in rows.items()
        if found
    )
    left = f"{skipped:,} more scores (by hour, season, surface, skill) are in scores.json."
    return tables, left if skipped else ""


def _label(score: Score) -> tuple[str, str, str]:
    field = ScoredField(
        variable=score.variable, level=score.level, unit=score.unit, threshold=score.threshold
    )
    near = "" if score.neighbourhood is None else f", {score.neighbourhood} points"
    return field_name(field) + near, f"{score.lead_hours} h", pretty_unit(score.unit)


def _score_table(
    measure: str,
    region: str,
    found: Mapping[tuple[str, str, str], Mapping[str, str]],
    names: Mapping[str, str],
) -> Table:
    sources = [name for name in names if any(name in cells for cells in found.values())]
    return Table(
        title=f"{MEASURES[measure].long_name}, {place_name(region)}",
        columns=("Field", "Lead", "Unit", *(names[source] for source in sources)),
        rows=tuple(
            (*label, *(cells.get(source, number(None)) for source in sources))
            for label, cells in found.items()
        ),
        num_labels=3,
    )


def cell_text(cell: Cell) -> str:
    """Per cent with a sign, ``~`` where it may be chance; a dash where nothing is known."""
    if cell.percent is None:
        return number(None)
    return percent(cell.percent) + (" ~" if cell.may_be_chance else "")
