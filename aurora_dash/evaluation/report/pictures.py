"""The pictures of a report: scores against lead time, and maps of the first forecast."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from aurora_dash.evaluation.fields import TARGET, open_fields
from aurora_dash.evaluation.measures import MEASURES
from aurora_dash.evaluation.report.content import Picture
from aurora_dash.evaluation.report.wording import field_name, measure_name
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import ScoredField, scorecard
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.lead_curves import LeadLine, LeadPanel, lead_curves
from aurora_dash.figures.scene import Scene
from aurora_dash.variables import Variable, describe, split_key

MOST_CURVES, MOST_MAPS = 12, 6
_MAP_BYTES = 1_800_000
_DPI = 110
_TELLING_LEVELS = (500.0, 850.0)


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


def map_pictures(
    result: EvaluationResult, labels: Sequence[str]
) -> tuple[tuple[Picture, ...], str]:
    """Maps of the first forecast at its first and its last lead, and what is not shown, in words.

    None where the evaluation kept no fields.
    """
    if result.fields_path is None:
        return (), "The evaluation kept no fields for maps."
    with open_fields(result.fields_path) as fields:
        leads = _leads_with_target(fields)
        shown = headline(_kept_fields(fields), MOST_MAPS // len(leads)) if leads else []
        wanted = [(field, lead) for field in shown for lead in leads]
        pictures: list[Picture] = []
        for field, lead in wanted:
            picture = _map(fields, field, lead, result, labels)
            if sum(len(p.content) for p in (*pictures, picture)) > _MAP_BYTES and pictures:
                break
            pictures.append(picture)
        count = fields.sizes["sample"] * fields.sizes["lead"] * len(_kept_fields(fields))
    left = count - len(pictures)
    return tuple(pictures), f"{left:,} more maps can be drawn from fields.nc." if left else ""


def _leads_with_target(fields: xr.Dataset) -> list[int]:
    """The first and the last lead of the first sample whose target was kept."""
    array = next(iter(fields.data_vars.values())).isel(sample=0).sel(source=TARGET)
    there = array.notnull().any([dim for dim in array.dims if dim != "lead"]).values
    leads = [int(lead) for lead in fields["lead"].values[there]]
    return list(dict.fromkeys((leads[0], leads[-1]))) if leads else []


def _kept_fields(fields: xr.Dataset) -> list[ScoredField]:
    """`ScoredField.variable` is the canonical name here."""
    return [
        ScoredField(variable=str(key), level=level, unit=str(array.attrs.get("units", "")))
        for key, array in fields.data_vars.items()
        for level in (array["level"].values.tolist() if "level" in array.dims else (None,))
    ]


def _map(
    fields: xr.Dataset,
    field: ScoredField,
    lead: int,
    result: EvaluationResult,
    labels: Sequence[str],
) -> Picture:
    # It brings Cartopy, for which a report without maps need not wait.
    from aurora_dash.figures.publication import comparison_figure

    array = fields[field.variable].isel(sample=0).sel(lead=lead)
    array = array if field.level is None else array.sel(level=field.level)
    has_persistence = "persistence" in fields["source"].values
    valid = fields["valid_time"].isel(sample=0).sel(lead=lead).item()
    scene = Scene(
        variable=_variable(field, str(array.attrs.get("long_name", ""))),
        latitudes=fields["latitude"].values,
        longitudes=fields["longitude"].values,
        level=field.level,
        valid_time=np.datetime64(valid, "ns"),
        lead_hours=lead,
        labels=labels,
        attribution=result.summary.attribution,
    )
    content = comparison_figure(
        array.sel(source="model").values,
        array.sel(source=TARGET).values,
        scene,
        persistence=array.sel(source="persistence").values if has_persistence else None,
        file_format="png",
        dpi=_DPI,
    )
    level = "" if field.level is None else f"-{field.level:g}"
    return Picture(
        name=f"map-{field.variable}{level}-{lead}h",
        format="png",
        content=_small(content),
        caption=f"{scene.title}, {scene.subtitle}: prediction, target and differences",
    )


def _small(png: bytes) -> bytes:
    """The picture with a palette of 256 colours, a third of the size."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    file = io.BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()


def _variable(field: ScoredField, long_name: str) -> Variable:
    """The table's entry with what the file says: it knows what a run registered."""
    group, name = split_key(field.variable)
    known = describe(name, group)
    return replace(known, unit=field.unit or known.unit, long_name=long_name or known.long_name)
