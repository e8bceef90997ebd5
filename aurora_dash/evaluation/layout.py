"""How scores are laid out: which fields, which areas, which lead times, from which sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aurora_dash.evaluation.areas import Areas
from aurora_dash.evaluation.targets import Target
from aurora_dash.variables import Group

_WIND_ENDINGS = (("u", "v"), ("u_wave", "v_wave"))


@dataclass(frozen=True, kw_only=True)
class FieldName:
    """What one field (H, W) is of."""

    variable: str
    level: float | None
    """In hPa; None on the surface."""
    unit: str
    circular: bool = False

    def __str__(self) -> str:
        where = "" if self.level is None else f" at {self.level:g} hPa"
        return f"{self.variable}{where}"


@dataclass(frozen=True, kw_only=True)
class Wind:
    """A wind vector of two scored variables."""

    east: str
    """Canonical name of the zonal component."""
    north: str
    fields: tuple[FieldName, ...]
    """One a level, named after both components."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """That a field reaches a threshold, within a neighbourhood of so many points."""

    field: int
    """Which field of `Layout.fields`."""
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The axes that all scores of an evaluation share."""

    targets: tuple[Target, ...]
    levels: tuple[float, ...]
    lead_hours: tuple[int, ...]
    sources: tuple[str, ...]
    areas: Areas
    latitudes: NDArray[np.float64]
    longitudes: NDArray[np.float64]
    thresholds: Mapping[str, Sequence[float]]
    """By the short name of a variable, in its unit."""
    neighbourhoods: tuple[int, ...]
    """Widths in points over which fractions of events are taken; odd."""

    @cached_property
    def fields(self) -> tuple[FieldName, ...]:
        """One a variable and level, in the order of `targets`."""
        return tuple(field for target in self.targets for field in self.fields_of(target))

    def fields_of(self, target: Target) -> tuple[FieldName, ...]:
        """The fields of one variable."""
        return _names(target.name, target.unit, self._levels(target), circular=target.circular)

    @cached_property
    def slices(self) -> Mapping[str, slice]:
        """Which of `fields` belong to a variable, by its canonical name."""
        found, start = {}, 0
        for target in self.targets:
            stop = start + len(self.fields_of(target))
            found[target.key] = slice(start, stop)
            start = stop
        return found

    @cached_property
    def winds(self) -> tuple[Wind, ...]:
        """Wind vectors both of whose components are scored."""
        by_key = {target.key: target for target in self.targets}
        return tuple(
            Wind(
                east=target.key,
                north=north,
                fields=_names(
                    f"{target.name}+{by_key[north].name}", target.unit, self._levels(target)
                ),
            )
            for target in self.targets
            if (north := _northward(target.key)) in by_key
        )

    @cached_property
    def wind_fields(self) -> tuple[FieldName, ...]:
        """The fields of all wind vectors."""
        return tuple(field for wind in self.winds for field in wind.fields)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Every threshold of every field that has one."""
        return tuple(
            Event(field=index, threshold=threshold)
            for index, field in enumerate(self.fields)
            for threshold in self.thresholds.get(field.variable, ())
        )

    @property
    def is_periodic(self) -> bool:
        """Whether the grid goes all the way round the Earth."""
        steps = np.diff(self.longitudes)
        gap = self.longitudes[0] + 360 - self.longitudes[-1]
        return bool(steps.size and abs(gap - np.median(steps)) < 1e-3 * gap)

    def _levels(self, target: Target) -> tuple[float | None, ...]:
        return (None,) if target.group is Group.SURFACE else self.levels


def _names(
    variable: str, unit: str, levels: Sequence[float | None], *, circular: bool = False
) -> tuple[FieldName, ...]:
    return tuple(
        FieldName(variable=variable, level=level, unit=unit, circular=circular) for level in levels
    )


def _northward(key: str) -> str | None:
    """The meridional wind that belongs to a zonal one; None if it is no zonal wind."""
    for east, north in _WIND_ENDINGS:
        stem = key.removesuffix(east)
        if stem != key and (stem == "atmos_" or stem.removeprefix("surf_").isdigit()):
            return stem + north
    return None
