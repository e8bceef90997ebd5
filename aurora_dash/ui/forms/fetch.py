"""The form of what is to be fetched."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.sources import (
    SOURCES,
    WEATHERBENCH2_DATASETS,
    Source,
    SourceId,
    Wb2Dataset,
    find_source,
)
from aurora_dash.data.roots import configured_roots
from aurora_dash.spec import RunSpec
from aurora_dash.ui import fields

_KEY = "fetch"
_SIDES = {"north": 75.0, "south": 35.0, "west": 0.0, "east": 40.0}
_TITLES = {
    **{name: source.title for name, source in SOURCES.items()},
    "weatherbench2": "WeatherBench 2",
}
_FIRST, _LAST = date(2020, 1, 1), date(2020, 1, 31)


def request(spec: RunSpec) -> FetchRequest:
    """What the form says, for the variant of the draft; `SpecError` for what can't be had."""
    source_id, dataset = _source(spec)
    source = find_source(source_id, dataset)
    st.caption(source.note)
    values: dict[str, Any] = {
        "source": source_id,
        "dataset": dataset,
        "variant": spec.model.variant,
        **_period(source),
        **_selection(spec, source),
    }
    suggested = (
        configured_roots()[0] / "aurora-data" / f"{source_id}-{values['start']}-{values['end']}"
    )
    typed = st.text_input(
        "Folder for the files",
        placeholder=str(suggested),
        help="On the machine that runs this dashboard, within its configured folders. It is made "
        "if need be, and holds one fetch. Empty: the one shown.",
        key=f"{_KEY}.out",
    )
    return FetchRequest.build({**values, "out": typed.strip() or str(suggested)})


def _source(spec: RunSpec) -> tuple[SourceId, Wb2Dataset]:
    left, right = st.columns(2)
    source: SourceId = left.selectbox(
        "Fetch from",
        list(SOURCES),
        index=list(SOURCES).index(_usual_source(spec)),
        format_func=_TITLES.__getitem__,
        key=f"{_KEY}.source",
    )
    dataset: Wb2Dataset = "era5"
    if source == "weatherbench2":
        dataset = right.selectbox(
            "Data set",
            list(WEATHERBENCH2_DATASETS),
            format_func=lambda name: WEATHERBENCH2_DATASETS[name].title,
            key=f"{_KEY}.dataset",
        )
    return source, dataset


def _usual_source(spec: RunSpec) -> SourceId:
    """The first source that has all the variant's variables; ERA5 if none has."""
    variant = spec.model.catalogue_entry
    wanted = (*variant.required_surface, *variant.atmospheric)
    having: list[SourceId] = [
        name
        for name, source in SOURCES.items()
        if set(wanted) <= {n for names in source.names.values() for n in names}
    ]
    return having[0] if having else "era5"


def _period(source: Source) -> dict[str, Any]:
    first, second, third = st.columns(3)
    last = source.last or datetime.now(UTC).date()
    start = first.date_input(
        "First day (UTC)", _FIRST, min_value=source.first, max_value=last, key=f"{_KEY}.first-day"
    )
    end = second.date_input(
        "Last day (UTC)", _LAST, min_value=source.first, max_value=last, key=f"{_KEY}.last-day"
    )
    hours = third.multiselect(
        "Times of day (UTC)",
        source.hours,
        placeholder=", ".join(f"{hour:02d}" for hour in source.usual_hours),
        format_func=lambda hour: f"{hour:02d}",
        key=f"{_KEY}.hours.{source.id}",
    )
    return {"start": start, "end": end, "hours": tuple(hours) or None}


def _selection(spec: RunSpec, source: Source) -> dict[str, Any]:
    left, right = st.columns(2)
    levels = left.multiselect(
        "Levels (hPa)",
        sorted(source.levels, reverse=True),
        placeholder=f"The {len(spec.model.catalogue_entry.levels)} levels of the model",
        key=f"{_KEY}.levels.{source.id}",
    )
    more = right.text_input(
        "Variables beside the model's",
        placeholder="tcwv, surface:leaf_area_index_high_vegetation",
        help="Aurora's names or the source's, with commas between; surface:NAME or "
        "atmospheric:NAME for one that is not known here. Register them on the Variables page.",
        key=f"{_KEY}.variables",
    )
    return {
        "levels": tuple(levels) or None,
        "variables": fields.names_in(more),
        "region": _region(),
        "statics": True,
    }


def _region() -> dict[str, float] | None:
    wanted = st.toggle(
        "A region only",
        help="A box that does not lie across Greenwich, which Aurora can't take.",
        key=f"{_KEY}.region",
    )
    if not wanted:
        return None
    return {
        side: column.number_input(
            f"{side.capitalize()} (°)", value=usual, step=1.0, key=f"{_KEY}.{side}"
        )
        for column, (side, usual) in zip(st.columns(4), _SIDES.items(), strict=True)
    }
