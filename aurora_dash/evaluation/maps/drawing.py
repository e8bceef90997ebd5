"""From a choice of forecasts to the maps of a figure: fields, differences and wind."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from aurora_dash.data.times import format_time
from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.figures.panels import PanelSet, Part, Wind, panel_set
from aurora_dash.figures.scene import FloatArray, Scene
from aurora_dash.variables import Group, split_key


class Kind(StrEnum):
    """One map of a figure; its value is the name in addresses and on the command line."""

    PREDICTION = "prediction"
    OTHER = "other"
    """What a second checkpoint predicts."""
    TARGET = "target"
    START = "start"
    ERROR = "error"
    PERSISTENCE_ERROR = "persistence-error"
    INCREMENT = "increment"
    MINUS = "minus"


DIFFERENCES = {
    Kind.ERROR: (Kind.PREDICTION, Kind.TARGET),
    Kind.PERSISTENCE_ERROR: (Kind.START, Kind.TARGET),
    Kind.INCREMENT: (Kind.PREDICTION, Kind.START),
    Kind.MINUS: (Kind.PREDICTION, Kind.OTHER),
}
"""What is subtracted from what."""

TITLES = {
    Kind.PREDICTION: "Prediction",
    Kind.OTHER: "Other prediction",
    Kind.TARGET: "Target",
    Kind.START: "Initial state",
    Kind.ERROR: "Prediction − target",
    Kind.PERSISTENCE_ERROR: "Persistence − target",
    Kind.INCREMENT: "Increment: prediction − initial state",
    Kind.MINUS: "A − B",
}
_WINDS = {
    Group.SURFACE: (
        ("surf_10u", "surf_10v"),
        ("surf_100u", "surf_100v"),
        ("surf_10u_wave", "surf_10v_wave"),
    ),
    Group.ATMOSPHERIC: (("atmos_u", "atmos_v"),),
    Group.STATIC: (),
}


@dataclass(frozen=True, kw_only=True)
class View:
    """What of some forecasts is drawn."""

    at: At
    source: str = "model"
    kinds: tuple[Kind, ...] = (Kind.PREDICTION, Kind.TARGET, Kind.ERROR)
    wind: bool = False

    def at_lead(self, hours: int) -> View:
        """The same of another lead time."""
        return replace(self, at=replace(self.at, lead_hours=hours))


def wind_of(keys: Collection[str], key: str) -> tuple[str, str] | None:
    """The components, among `keys`, of the wind that belongs over a variable; None: not there."""
    known = [pair for pair in _WINDS[split_key(key)[0]] if {*pair} <= {*keys}]
    return next((pair for pair in known if key in pair), known[0] if known else None)


def draw(
    forecasts: Forecasts, view: View, other: Other | None = None, *, keep_empty: bool = False
) -> PanelSet:
    """The maps of a view. What is not there is left out and said, or with `keep_empty` drawn as
    no value, so that the frames of an animation are alike. `DataError` if there is nothing.
    """
    reader = _Reader(forecasts, view.source, other)
    scene = forecasts.scene(view.at)
    parts, absent = [], []
    for kind in view.kinds:
        values = reader.values(kind, view.at, scene)
        if values is None and not keep_empty:
            absent.append(kind)
            continue
        empty = np.full(forecasts.shape, np.nan, np.float32)
        parts.append(
            Part(
                title=_title(kind, other),
                values=empty if values is None else values,
                is_difference=kind in DIFFERENCES,
                wind=reader.wind(kind, view.at) if view.wind else None,
            )
        )
    notes = [] if other is None else [f"A is {forecasts.name}, B is {other.name}."]
    return panel_set(parts, scene, notes=[*notes, *_absences(forecasts, view, absent, other)])


def _title(kind: Kind, other: Other | None) -> str:
    if other is None:
        return TITLES[kind]
    named = {Kind.PREDICTION: "A: prediction", Kind.OTHER: "B: prediction"}
    return named.get(kind, TITLES[kind].replace("Prediction", "A"))


class _Reader:
    """Reads each field of a figure once."""

    def __init__(self, forecasts: Forecasts, source: str, other: Other | None) -> None:
        self._forecasts = forecasts
        self._source = source
        self._other = other
        self._read: dict[tuple[Kind, At], FloatArray | None] = {}

    def values(self, kind: Kind, at: At, scene: Scene) -> FloatArray | None:
        """A field or a difference of two; None where it is not there."""
        if kind not in DIFFERENCES:
            return self._field(kind, at)
        one, another = (self._field(part, at) for part in DIFFERENCES[kind])
        return None if one is None or another is None else scene.difference(one, another)

    def wind(self, kind: Kind, at: At) -> Wind | None:
        """The wind of a field, or the difference of two."""
        keys = wind_of(self._forecasts.variables, at.key)
        if keys is None:
            return None
        found = []
        for key in keys:
            component = replace(at, key=key)
            found.append(self.values(kind, component, self._forecasts.scene(component)))
        east, north = found
        return None if east is None or north is None else Wind(east=east, north=north)

    def _field(self, kind: Kind, at: At) -> FloatArray | None:
        if (kind, at) not in self._read:
            self._read[kind, at] = self._from_file(kind, at)
        return self._read[kind, at]

    def _from_file(self, kind: Kind, at: At) -> FloatArray | None:
        if kind is Kind.PREDICTION:
            return self._forecasts.forecast(at, self._source)
        if kind is Kind.TARGET:
            return self._forecasts.target(at)
        if kind is Kind.START:
            return self._forecasts.start(at)
        return None if self._other is None else self._other.forecast(at)


def _absences(
    forecasts: Forecasts, view: View, absent: list[Kind], other: Other | None
) -> Iterator[str]:
    """Why maps that were asked for are not there."""
    needed = {part for kind in absent for part in DIFFERENCES.get(kind, (kind,))}
    valid = format_time(forecasts.valid_time(view.at))
    if Kind.PREDICTION in needed and forecasts.forecast(view.at, view.source) is None:
        yield f"There is no prediction for {valid}."
    if Kind.TARGET in needed and forecasts.target(view.at) is None:
        yield f"There is no target at {valid}: the data does not hold that time."
    if Kind.START in needed and forecasts.start(view.at) is None:
        yield "The initial state is not known: persistence was not among the baselines."
    if Kind.OTHER in needed:
        name = "the second checkpoint" if other is None else other.name
        yield f"{name} has no such field for {valid}."
