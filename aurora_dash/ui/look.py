"""The Data page's Look view: maps, series, distribution and coverage of the chosen data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data import looking
from aurora_dash.data.own_statistics import own_statistics
from aurora_dash.data.statistics import Moments
from aurora_dash.data.transforms import transformed
from aurora_dash.errors import DataError
from aurora_dash.evaluation.results import SYNTHETIC
from aurora_dash.figures.coverage import coverage_figure
from aurora_dash.figures.histogram import histogram_figure
from aurora_dash.figures.labels import pretty_unit, utc
from aurora_dash.figures.panels import field_panels
from aurora_dash.figures.scene import Scene
from aurora_dash.figures.series import series_figure
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.ui import opened, widgets, words
from aurora_dash.ui.live_chart import live_chart
from aurora_dash.ui.map_canvas import map_canvas
from aurora_dash.variables import Group, Variable, describe, split_key

_HEIGHT = 300


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What of the data is shown."""

    key: str
    level: float | None
    time: int

    @property
    def name(self) -> str:
        """Name of the variable."""
        return split_key(self.key)[1]


def look(spec: RunSpec) -> None:
    """Everything about one variable of the chosen data, and which times there are."""
    spec = _one_part(spec)
    try:
        dataset = opened.opened(spec).dataset
    except DataError:
        widgets.empty(
            "Nothing to look at yet",
            "The data can't be opened; the view Check says why.",
            icon=":material/visibility_off:",
        )
        return
    choice = _choose(dataset)
    variable = _described(dataset, choice, spec)
    _map(dataset, choice, variable)
    identity = opened.identity(spec)
    if "time" in dataset[choice.key].dims:
        _series(dataset, choice, variable, identity)
    _distribution(dataset, choice, spec, identity)
    _coverage(dataset)


def _one_part(spec: RunSpec) -> RunSpec:
    """The spec with the data that is looked at: of a mix the part that was chosen."""
    if not spec.data.mix:
        return spec
    names = [part.name for part in spec.data.mix]
    return opened.one_part(spec, st.selectbox("Part of the mix", names, key="look-part"))


def _choose(dataset: xr.Dataset) -> Choice:
    first, second, third = st.columns([3, 2, 3])
    keys = [str(key) for key in dataset.data_vars]
    key = first.selectbox("Variable", keys, format_func=_label, key="look-variable")
    array = dataset[key]
    level = None
    if "level" in array.dims:
        levels = [float(value) for value in array["level"].values]
        level = second.selectbox(
            "Level", levels, format_func=lambda value: f"{value:g} hPa", key="look-level"
        )
    time = 0
    # A slider needs two ends.
    if array.sizes.get("time", 0) > 1:
        moments = array["time"].values.astype("datetime64[s]").tolist()
        time = third.select_slider(
            "Valid time",
            range(len(moments)),
            format_func=lambda index: utc(moments[index]),
            key="look-time",
        )
    return Choice(key=key, level=level, time=time)


def _label(key: str) -> str:
    group, name = split_key(key)
    return f"{name} · {describe(name, group).long_name} ({group})"


def _described(dataset: xr.Dataset, choice: Choice, spec: RunSpec) -> Variable:
    """The table's entry of a variable, or what its registration or the data says."""
    group, name = split_key(choice.key)
    known, attributes = describe(name, group), dataset[choice.key].attrs
    new = _registered(choice, spec)
    if new is None and known.unit == attributes.get("units", known.unit):
        return known
    return Variable(
        name=name,
        group=Group(group),
        long_name=(new and new.long_name) or known.long_name,
        unit=str(attributes.get("units", known.unit)),
    )


def _map(dataset: xr.Dataset, choice: Choice, variable: Variable) -> None:
    array = dataset[choice.key]
    values = looking.field(dataset, choice.key, level=choice.level, time=choice.time)
    valid = array["time"].values[choice.time] if "time" in array.dims else None
    scene = Scene(
        variable=variable,
        latitudes=dataset["latitude"].values,
        longitudes=dataset["longitude"].values,
        level=choice.level,
        valid_time=None if valid is None else valid.astype("datetime64[s]").item(),
        labels=[SYNTHETIC] if dataset.attrs.get("synthetic") else [],
    )
    map_canvas(field_panels(values, scene, variable.long_name), key="look-map")
    _in_numbers(values, variable)


def _in_numbers(values: NDArray[np.float32], variable: Variable) -> None:
    moments = Moments.of(values)
    unit = "" if variable.unit == "1" else f" {pretty_unit(variable.unit)}"
    finite = values[np.isfinite(values)]
    smallest, largest = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    numbers = {
        "Smallest": smallest,
        "Largest": largest,
        "Mean": moments.mean,
        "Standard deviation": moments.std,
    }
    facts = [(name, f"{words.number(float(value))}{unit}") for name, value in numbers.items()]
    widgets.facts([*facts, ("Missing", f"{moments.num_missing:,} of {values.size:,}")])
    st.caption("Of this one field, every grid point alike.")


def _series(dataset: xr.Dataset, choice: Choice, variable: Variable, identity: str) -> None:
    latitudes, longitudes = dataset["latitude"].values, dataset["longitude"].values
    first, second = st.columns(2)
    latitude = first.number_input(
        "Latitude of the series (°N)",
        min_value=-90.0,
        max_value=90.0,
        value=float(latitudes[latitudes.size // 2]),
        step=1.0,
        key="look-latitude",
    )
    longitude = second.number_input(
        "Longitude (°E)",
        min_value=-180.0,
        max_value=360.0,
        value=float(longitudes[longitudes.size // 2]),
        step=1.0,
        help="The nearest point of the grid is shown; west may be negative.",
        key="look-longitude",
    )
    series = _read_series(dataset, identity, choice.key, choice.level, (latitude, longitude))
    where = f"{series.latitude:g}° N, {series.longitude:g}° E"
    level = "" if choice.level is None else f" at {choice.level:g} hPa"
    figure = series_figure(
        series.times, series.values, variable, f"{variable.long_name}{level}, {where}"
    )
    live_chart(figure, key="look-series", height=_HEIGHT)
    if series.stride > 1:
        st.caption(f"One of every {series.stride} times of the data.")


@st.cache_data(max_entries=64, show_spinner="Reading the series")
def _read_series(
    _dataset: xr.Dataset, identity: str, key: str, level: float | None, place: tuple[float, float]
) -> looking.Series:
    return looking.point_series(_dataset, key, level=level, latitude=place[0], longitude=place[1])


@st.cache_data(max_entries=64, show_spinner="Reading a sample")
def _read_sample(
    _dataset: xr.Dataset, identity: str, key: str, level: float | None
) -> NDArray[np.float32]:
    return looking.sample(_dataset, key, level=level)


def _distribution(dataset: xr.Dataset, choice: Choice, spec: RunSpec, identity: str) -> None:
    values = _read_sample(dataset, identity, choice.key, choice.level)
    new = _registered(choice, spec)
    pair, whose = _pair(choice, spec, new)
    seen = values if new is None else transformed(values, new)
    if pair is None:
        st.caption(f"No histogram of {choice.name}: {whose}.")
        return
    mean, std = pair
    live_chart(
        histogram_figure((seen - mean) / std, choice.name), key="look-histogram", height=_HEIGHT
    )
    st.caption(
        f"Values of a few times as the model sees them, normalised with {whose}: mean "
        f"{words.number(mean)}, standard deviation {words.number(std)}. The dashed curve is the "
        "standard normal."
    )


def _pair(
    choice: Choice, spec: RunSpec, new: VariableSpec | None
) -> tuple[tuple[float, float] | None, str]:
    """Mean and standard deviation that the model uses, and whose they are."""
    if new is not None:
        mean, std = new.mean, new.std
        if isinstance(mean, dict) and isinstance(std, dict):
            level = f"{choice.level:g}"
            mean, std = mean.get(level), std.get(level)
        if not isinstance(mean, float) or not isinstance(std, float):
            return None, "its mean and standard deviation are computed at launch"
        return (mean, std), "those that were registered"
    if choice.name.startswith("scaled_"):
        return None, "the model takes its logarithm before it normalises"
    key = choice.name if choice.level is None else f"{choice.name}_{choice.level:g}"
    if key in spec.model.statistics:
        return spec.model.statistics[key], "those of this run"
    own = own_statistics(choice.name, choice.level)
    return own, "Aurora's own" if own else "the model has no statistics of it"


def _registered(choice: Choice, spec: RunSpec) -> VariableSpec | None:
    group, name = split_key(choice.key)
    return next((v for v in spec.variables if (v.name, v.group) == (name, group)), None)


def _coverage(dataset: xr.Dataset) -> None:
    found = looking.coverage(dataset["time"].values) if "time" in dataset.dims else None
    if found is None:
        return
    figure = coverage_figure(found.present, found.expected, found.rows, found.columns)
    live_chart(figure, key="look-coverage", height=int(figure.layout.height))
    missing = found.num_missing
    st.caption(
        f"A time every {found.step_hours:g} h is expected between the first and the last; "
        + ("all are there." if not missing else f"{words.several(missing, 'time')} missing.")
    )
