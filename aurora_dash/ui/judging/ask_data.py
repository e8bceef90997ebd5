"""Which data forecasts start from: the part that all forms about a checkpoint share."""

from __future__ import annotations

from typing import Any

import streamlit as st

from aurora_dash.data.roots import configured_roots, expand_paths
from aurora_dash.evaluation.request import NOT_OF_OTHER_FILES, ForecastRequest
from aurora_dash.spec import DataSpec, RunSpec

OWN, DEMO, FILES = "the run's own data", "the demo", "other files"


def source_box(column: Any, key: str) -> str:
    """A choice of whose data it is."""
    chosen: str = column.selectbox(
        "Data",
        [OWN, DEMO, FILES],
        help="What forecasts are made from and compared with.",
        key=f"{key}-data",
    )
    return chosen


def more_fields(source: str, spec: RunSpec, key: str) -> dict[str, object]:
    """The fields of a `ForecastRequest` that name the data; asks for paths and for parts of a mix
    where there are any."""
    typed = _paths(key) if source == FILES else ""
    return {
        "data": _data(source, typed, spec),
        "part": _part(spec, key) if source == OWN else None,
    }


def require_readable(request: ForecastRequest, *more: str | None) -> None:
    """`PathError` where typed paths lie outside the folders that the dashboard may read."""
    if request.data is not None and request.data.source == "files":
        expand_paths(request.data.paths, roots=configured_roots())
    if named := [path for path in more if path]:
        expand_paths(named, roots=configured_roots())


def _paths(key: str) -> str:
    return st.text_area(
        "Files, folders or patterns, one a line",
        placeholder="/data/era5/pressure_levels.nc\n/data/era5/single_levels.nc",
        height=90,
        key=f"{key}-paths",
    )


def _part(spec: RunSpec, key: str) -> str | None:
    """The part of a mix; None where nothing is mixed."""
    if not spec.data.mix:
        return None
    return st.selectbox(
        "Part of the mix",
        [part.name for part in spec.data.mix],
        help="Each part has a grid of its own, and is judged for itself.",
        key=f"{key}-part",
    )


def _data(source: str, typed: str, spec: RunSpec) -> DataSpec | None:
    """The data; None for the run's own."""
    if source == OWN:
        return None
    elsewhere = {"region": None, "validation_fraction": 0.0, **NOT_OF_OTHER_FILES}
    if source == DEMO:
        return spec.data.replace(source="demo", **elsewhere)
    paths = tuple(line.strip() for line in typed.splitlines() if line.strip())
    return spec.data.replace(source="files", paths=paths, **elsewhere)
