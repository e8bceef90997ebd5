"""The pictures of a report: scores against lead time, and maps of the first forecast."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from aurora_dash.evaluation.maps.drawing import Kind, View, draw
from aurora_dash.evaluation.maps.forecasts import PERSISTENCE, At, Forecasts
from aurora_dash.evaluation.maps.opening import of_evaluation
from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.report.content import Picture
from aurora_dash.evaluation.report.wording import field_name, measure_name
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import ScoredField, scorecard
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.lead_curves import LeadLine, LeadPanel, lead_curves
from aurora_dash.spec import RunSpec

MOST_CURVES, MOST_MAPS = 12, 6
_MAP_BYTES = 1_800_000
_DPI = 110
_TELLING_LEVELS = (500.0, 850.0)
_KINDS = (Kind.PREDICTION, Kind.TARGET, Kind.ERROR)


def headline(fields: Sequence[ScoredField], most: int) -> list[ScoredField]:
    """The fields that say most about a forecast: those of the surface, then one level after the
    other of the upper air, 500 and 850 hPa first."""

    def place(field: ScoredField) -> tuple[int, int]:
        if field.level is None:
            return 0, 0
        telling = field.level in _TELLING_LEVELS
        return (1, _TELLING_LEVELS.index(field.level)) if telling else (2, 0)

    ordered = sorted(fields, key=place)
    surface = [field for field in ordered if field.level is None]
    upper = [field for field in ordered if field.level is not None]
    # Neither the surface nor the upper air takes all the room.
    room = max(most - len(upper), (most + 1) // 2)
    return [*surface[:room], *upper][:most]


def curve_pictures(
    table: xr.Dataset, measure: str, looks: Mapping[str, tuple[str, str]]
) -> tuple[tuple[Picture, ...], int]:
    """The measure against lead for the most telling fields, and how many fields there are."""
    sources = table["source"].values.tolist()
    cards = {source: scorecard(table, measure, source, source=source) for source in sources}
    rows = cards[sources[0]].rows
    pictures = []
    for field in headline(rows, MOST_CURVES):
        row = rows.index(field)
        panel = LeadPanel(
            title=f"{measure_name(measure)} of {field_name(field)}",
            unit=pretty_unit(MEASURES[measure].unit(field.unit)),
            lead_hours=cards[sources[0]].lead_hours,
            lines=[
                LeadLine(name=looks[s][0], colour=looks[s][1], values=cards[s].values[row].tolist())
                for s in sources
                if np.isfinite(cards[s].values[row]).any()
            ],
        )
        content = lead_curves(panel).encode()
        name = f"{measure}-{field.variable}" + ("" if field.level is None else f"-{field.level:g}")
        pictures.append(Picture(name=name, format="svg", content=content, caption=panel.title))
    return tuple(pictures), len(rows)


def map_pictures(result: EvaluationResult, spec: RunSpec | None) -> tuple[tuple[Picture, ...], str]:
    """Maps of the first forecast at its first and its last lead, and what is not shown, in words.

    None where the evaluation kept no fields. `spec` is that of the run behind it, if there is one.
    """
    if result.fields_path is None:
        return (), "The evaluation kept no fields for maps."
    with of_evaluation(result, spec) as forecasts:
        kept = _kept_fields(forecasts)
        leads = _leads_with_target(forecasts, kept[0])
        shown = headline(kept, MOST_MAPS // len(leads)) if leads else []
        pictures: list[Picture] = []
        for field, lead in ((field, lead) for field in shown for lead in leads):
            picture = _map(forecasts, _at(field, lead))
            if sum(len(p.content) for p in (*pictures, picture)) > _MAP_BYTES and pictures:
                break
            pictures.append(picture)
        count = forecasts.starts.size * len(forecasts.lead_hours) * len(kept)
    left = count - len(pictures)
    return tuple(pictures), f"{left:,} more maps can be drawn from fields.nc." if left else ""


def _kept_fields(forecasts: Forecasts) -> list[ScoredField]:
    """`ScoredField.variable` is the canonical name here."""
    return [
        ScoredField(variable=key, level=level, unit=variable.unit)
        for key, variable in forecasts.variables.items()
        for level in forecasts.levels(key) or (None,)
    ]


def _leads_with_target(forecasts: Forecasts, field: ScoredField) -> list[int]:
    """The first and the last lead of the first sample whose target was kept."""
    leads = [
        lead for lead in forecasts.lead_hours if forecasts.target(_at(field, lead)) is not None
    ]
    return list(dict.fromkeys((leads[0], leads[-1]))) if leads else []


def _at(field: ScoredField, lead_hours: int) -> At:
    return At(key=field.variable, level=field.level, sample=0, lead_hours=lead_hours)


def _map(forecasts: Forecasts, at: At) -> Picture:
    # It brings Cartopy, for which a report without maps need not wait.
    from aurora_dash.figures.publication import panels_figure

    beside = (Kind.PERSISTENCE_ERROR,) if PERSISTENCE in forecasts.sources else ()
    shown = draw(forecasts, View(at=at, kinds=(*_KINDS, *beside)))
    level = "" if at.level is None else f"-{at.level:g}"
    return Picture(
        name=f"map-{at.key}{level}-{at.lead_hours}h",
        format="png",
        content=_small(panels_figure(shown, dpi=_DPI)),
        caption=f"{shown.scene.title}, {shown.scene.subtitle}: prediction, target and differences",
    )


def _small(png: bytes) -> bytes:
    """The picture with a palette of 256 colours, a third of the size."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()
