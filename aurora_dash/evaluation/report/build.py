"""From a finished evaluation on disk to what its report says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from aurora_dash.errors import AuroraDashError
from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.outcome import open_table
from aurora_dash.evaluation.push import shareable
from aurora_dash.evaluation.report.cards import card_tables, score_tables
from aurora_dash.evaluation.report.content import Fact, Report
from aurora_dash.evaluation.report.pictures import curve_pictures, headline, map_pictures
from aurora_dash.evaluation.report.wording import (
    field_name,
    measure_name,
    number,
    source_looks,
    without_folder,
)
from aurora_dash.evaluation.results import EvaluationResult, EvaluationSummary
from aurora_dash.evaluation.scorecard import scorecard, scorecard_measures
from aurora_dash.model.card import hub_head, licence_of
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.variants import get_variant

_SPLITS = {"all": "all samples", "validation": "the kept-back part", "train": "the part trained on"}
_HUB_FIELDS = 12


def spec_behind(result: EvaluationResult, store: RunStore) -> RunSpec | None:
    """Spec of the run that was judged; None for a checkpoint file and for a run that has gone."""
    run = result.summary.request.run
    if run is None:
        return None
    try:
        return store.get(run).spec()
    except AuroraDashError:
        return None


def make_report(result: EvaluationResult, spec: RunSpec | None) -> Report:
    """Everything a reader needs to know of an evaluation.

    `spec` is that of the run behind it, None if there is none. Folders of this machine are left
    out. `EvaluationError` where the evaluation's files can't be read.
    """
    table, summary = open_table(result.folder), result.summary
    looks = source_looks(table["source"].values.tolist())
    names = {source: name for source, (name, _) in looks.items()}
    labels = summary.labels
    cards = card_tables(table, names)
    tables, fewer_scores = score_tables(result.scores, names)
    maps, fewer_maps = map_pictures(result, spec)
    measure = next((name for name in scorecard_measures(table)), None)
    curves, num_fields = curve_pictures(table, measure, looks) if measure else ((), 0)
    fewer_curves = (
        ""
        if num_fields == len(curves)
        else (f"Curves are shown of {len(curves)} of {num_fields} fields.")
    )
    return Report(
        title=f"Evaluation of {without_folder(summary.checkpoint)}",
        labels=tuple(labels),
        facts=_facts(summary),
        verdicts=_verdicts(summary, [card.verdict for card in cards], names),
        warnings=summary.warnings,
        cards=cards,
        curves=curves,
        maps=maps,
        tables=tables,
        left_out=tuple(text for text in (fewer_curves, fewer_scores, fewer_maps) if text),
        provenance=_provenance(summary, spec),
        method=_method(summary),
        request=_json(summary.request.model_dump(mode="json", exclude_defaults=True)),
        spec=None if spec is None else _json(spec.model_dump(mode="json")),
        attribution=summary.attribution,
        hub=_hub(summary, spec, table, measure),
    )


def _json(document: Mapping[str, Any]) -> str:
    return shareable(document).decode().rstrip()


def _facts(summary: EvaluationSummary) -> tuple[Fact, ...]:
    north, south = summary.latitudes
    west, east = summary.longitudes
    variant = get_variant(summary.variant)
    levels = ", ".join(f"{level:g}" for level in summary.levels)
    samples = ", ".join(f"{n} at {lead} h" for lead, n in summary.samples_by_lead.items())
    return (
        ("Checkpoint", without_folder(summary.checkpoint)),
        ("Model", f"{variant.title} ({summary.variant})"),
        ("Samples", f"{summary.num_samples}, {_SPLITS[summary.request.split]}; {samples}"),
        ("Valid", f"{summary.first_valid_time} to {summary.last_valid_time}"),
        ("Area", f"{north:g}° to {south:g}° N, {west:g}° to {east:g}° E"),
        ("Grid", f"{summary.height} × {summary.width} points"),
        *((("Levels", f"{levels} hPa"),) if levels else ()),
    )


def _verdicts(
    summary: EvaluationSummary, cards: Sequence[str], names: Mapping[str, str]
) -> tuple[str, ...]:
    """How it fares against each reference by the first measure, and the variables it had."""
    old = summary.old_variables
    had = () if old is None else (f"Variables it had before: {old}.",)
    return (*cards[: len(names) - 1], *had)


def _provenance(summary: EvaluationSummary, spec: RunSpec | None) -> tuple[Fact, ...]:
    facts: list[Fact] = [("Data", summary.attribution)]
    if spec is not None:
        licence = licence_of(spec, random_weights=summary.random_weights)
        facts.append(("Weights", licence))
    facts += [("Done on opening", str(f["message"])) for f in summary.findings]
    facts += [
        (
            "Not scored",
            f"{record['variable']}"
            + ("" if record["level"] is None else f" at {record['level']:g} hPa")
            + f", {record['lead_hours']} h: {record['target_missing']:,} points without a target, "
            f"{record['forecast_missing']:,} without a forecast",
        )
        for record in summary.missing
    ]
    facts += [("Version", f"{name} {version}") for name, version in summary.versions.items()]
    return tuple(facts)


def _method(summary: EvaluationSummary) -> tuple[str, ...]:
    request = summary.request
    sources = ", ".join(summary.sources[1:]) or "nothing"
    lines = [
        "A statistic at each grid point, its mean over time and grid weighted by area, and only "
        "then the score: the root of a root mean square error is taken last.",
        "A point counts where the target and all forecasts are finite, so that all sources are "
        f"judged on the same points. Judged beside: {sources}.",
        "Scorecards give the change of the distance from a perfect score in per cent: below zero "
        "the checkpoint is better than the reference.",
    ]
    if request.confidence is not None:
        lines.append(
            f"Differences whose {100 * request.confidence:g} % interval by the moving-block "
            "bootstrap over initial times holds zero may be chance and are marked ~."
        )
    lines.append(
        f"The evaluation took {summary.seconds:.1f} s. What was asked for is given below, whole: "
        "with the same data it gives the same scores."
    )
    return tuple(lines)


def _hub(
    summary: EvaluationSummary, spec: RunSpec | None, table: xr.Dataset, measure: str | None
) -> dict[str, Any]:
    """The head of a card, with the scores of the most telling fields as results."""
    head = hub_head(spec, random_weights=summary.random_weights)
    if measure is None:
        return head
    card = scorecard(table, measure, "model")
    metrics = [
        {
            "type": measure,
            "value": float(f"{card.values[row, lead]:.6g}"),
            "name": f"{measure_name(measure)} of {field_name(card.rows[row])}, {hours} h "
            f"[{MEASURES[measure].unit(card.rows[row].unit)}]",
        }
        for row in map(card.rows.index, headline(card.rows, _HUB_FIELDS))
        for lead, hours in enumerate(card.lead_hours)
        if number(card.values[row, lead]) != number(None)
    ]
    period = f"{summary.first_valid_time} to {summary.last_valid_time}"
    kind = "synthetic weather" if summary.synthetic else "weather"
    result = {
        "task": {"type": "time-series-forecasting", "name": "Weather forecasting"},
        "dataset": {"type": kind.replace(" ", "-"), "name": f"{kind}, valid {period}"},
        "metrics": metrics,
    }
    title = without_folder(summary.checkpoint)
    return {**head, "model-index": [{"name": title, "results": [result]}]}
