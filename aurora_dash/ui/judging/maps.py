"""Maps of prediction, target and error, interactive and for print."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.figures.labels import pretty_unit, utc
from aurora_dash.figures.panels import comparison_panels
from aurora_dash.figures.scene import Scene
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.ui import widgets, words
from aurora_dash.ui.map_canvas import map_canvas
from aurora_dash.variables import Group, Variable, describe, split_key

_SOURCES = {"model": "Fine-tuned", "initial": "Before fine-tuning", "persistence": "Persistence"}
_FORMATS = {"png": "image/png", "pdf": "application/pdf", "svg": "image/svg+xml"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which fields are shown."""

    key: str
    level: float | None
    sample: int
    lead_hours: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields (H, W) of a choice, in physical units."""

    prediction: NDArray[np.float32]
    target: NDArray[np.float32]
    persistence: NDArray[np.float32] | None
    scene: Scene


def draw(run: Run, result: EvaluationResult) -> None:
    """Selectors, the interactive maps, and the figure for print."""
    path = result.fields_path
    if path is None:
        widgets.empty(
            "No fields were kept for maps",
            "The evaluation kept scores only. Start one that keeps samples for maps.",
            icon=":material/map:",
        )
        return
    with open_fields(path) as dataset:
        choice = _choose(dataset)
        fields = read(dataset, choice, run.spec(), result)
    shown = comparison_panels(fields.prediction, fields.target, fields.scene, fields.persistence)
    map_canvas(shown, key=f"maps-{path.parent.name}")
    _errors_in_numbers(fields)
    _print(fields, choice, path)


def _choose(dataset: xr.Dataset) -> Choice:
    first, second, third, fourth, fifth = st.columns([3, 2, 3, 2, 2])
    keys = [str(key) for key in dataset.data_vars]
    key = first.selectbox("Variable", keys, format_func=variable_name, key="map-variable")
    level = None
    if "level" in dataset[key].dims:
        level = second.selectbox(
            "Level",
            [float(value) for value in dataset["level"].values],
            format_func=lambda value: f"{value:g} hPa",
            key="map-level",
        )
    else:
        second.selectbox("Level", ["surface"], disabled=True, key="map-no-level")
    leads = [int(value) for value in dataset["lead"].values]
    lead = fourth.selectbox("Lead time", leads, format_func=lambda h: f"{h} h", key="map-lead")
    valid = dataset["valid_time"].sel(lead=lead).values.astype("datetime64[s]").tolist()
    sample = third.selectbox(
        "Sample, valid at",
        range(dataset.sizes["sample"]),
        format_func=lambda index: utc(valid[index]),
        key="map-sample",
    )
    sources = [name for name in _SOURCES if name in dataset["source"].values]
    source = fifth.selectbox(
        "Prediction of", sources, format_func=_SOURCES.__getitem__, key="map-source"
    )
    return Choice(key=key, level=level, sample=sample, lead_hours=lead, source=source)


def variable_name(key: str) -> str:
    """A canonical key as a list shows it: ``2t · 2 m temperature``."""
    group, name = split_key(key)
    return f"{name} · {describe(name, group).long_name}"


def read(dataset: xr.Dataset, choice: Choice, spec: RunSpec, result: EvaluationResult) -> Fields:
    """The fields of a choice from an opened ``fields.nc``."""
    chosen = dataset[choice.key].isel(sample=choice.sample).sel(lead=choice.lead_hours)
    if choice.level is not None:
        chosen = chosen.sel(level=choice.level)
    beside = choice.source != "persistence" and "persistence" in dataset["source"].values
    valid = dataset["valid_time"].isel(sample=choice.sample).sel(lead=choice.lead_hours).values
    return Fields(
        prediction=chosen.sel(source=choice.source).values,
        target=chosen.sel(source="target").values,
        persistence=chosen.sel(source="persistence").values if beside else None,
        scene=Scene(
            variable=_variable(choice.key, spec, str(chosen.attrs.get("units", ""))),
            latitudes=dataset["latitude"].values,
            longitudes=dataset["longitude"].values,
            level=choice.level,
            valid_time=valid.astype("datetime64[s]").item(),
            lead_hours=choice.lead_hours,
            labels=widgets.summary_labels(result.summary),
            attribution=result.summary.attribution,
        ),
    )


def _variable(key: str, spec: RunSpec, unit: str) -> Variable:
    """The table's entry, or what was said when the variable was registered."""
    group, name = split_key(key)
    for new in spec.variables:
        if (new.name, new.group) == (name, group):
            known = describe(name, group)
            long_name = new.long_name or known.long_name
            return Variable(
                name=name, group=Group(group), long_name=long_name, unit=unit or new.unit
            )
    return describe(name, group)


def _errors_in_numbers(fields: Fields) -> None:
    error = fields.scene.difference(fields.prediction, fields.target)
    numbers = {
        "Mean absolute error here": np.nanmean(np.abs(error)),
        "Largest error": np.nanmax(np.abs(error)),
        "Mean error": np.nanmean(error),
    }
    unit = pretty_unit(fields.scene.variable.unit)
    widgets.facts(
        [(name, f"{words.number(float(value))} {unit}") for name, value in numbers.items()],
    )
    st.caption("Of this one map, every grid point alike; the scores above are weighted by area.")


def _print(fields: Fields, choice: Choice, path: Path) -> None:
    st.markdown("**Figure for print**, with coastlines, units, time and attribution:")
    name = f"{choice.key}-{choice.lead_hours}h-{path.parent.name}"
    with st.container(horizontal=True):
        for file_format, mime in _FORMATS.items():
            st.download_button(
                file_format.upper(),
                partial(render, fields, file_format),
                file_name=f"{name}.{file_format}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"print-{file_format}",
            )


def render(fields: Fields, file_format: str) -> bytes:
    """The figure for print as a file's bytes; drawn when it is asked for."""
    from aurora_dash.figures.publication import comparison_figure

    return comparison_figure(
        fields.prediction,
        fields.target,
        fields.scene,
        persistence=fields.persistence,
        file_format=file_format,  # type: ignore[arg-type]
    )
