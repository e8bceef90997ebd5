"""What is to be fetched, validated before anything is asked of anybody."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from aurora_dash.data.fetch.sources import Source, SourceId, Wanted, Wb2Dataset, find_source
from aurora_dash.data.fetch.sources import find_variable as _find_variable
from aurora_dash.errors import SpecError
from aurora_dash.spec import Region, SpecModel
from aurora_dash.spec.base import StringTuple
from aurora_dash.variables import Group
from aurora_dash.variants import Variant, get_variant

Hour = Annotated[int, Field(ge=0, le=23)]


class FetchRequest(SpecModel):
    """A data set to fetch: whose, for which model, when, where, and into which folder."""

    source: SourceId
    dataset: Wb2Dataset = "era5"
    """Which one of WeatherBench 2; nothing to other sources."""
    variant: str = "small"
    """The model whose variables and levels are fetched."""
    start: date
    end: date
    """First and last day (UTC, inclusive)."""
    hours: tuple[Hour, ...] | None = None
    """Times of day (UTC); None: 0, 6, 12, 18, or 0 and 12 for CAMS."""
    levels: tuple[int, ...] | None = None
    """Pressure levels (hPa); None: the model's."""
    region: Region | None = None
    """Box to cut out; None: the globe."""
    variables: StringTuple = ()
    """Variables beside the model's: Aurora's names, the source's, or ``surface:NAME``."""
    statics: bool = True
    """Whether to fetch static variables too, once."""
    out: Annotated[str, Field(min_length=1)]
    """Folder for the files; it holds one fetch."""

    @field_validator("hours", "levels")
    @classmethod
    def _sorted_without_repetition(cls, values: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if values is not None and not values:
            raise ValueError("name at least one, or leave it out")
        return None if values is None else tuple(sorted(set(values)))

    @model_validator(mode="after")
    def _can_be_had(self) -> Self:
        try:
            self._check()
        except SpecError as error:
            raise ValueError(str(error)) from error
        return self

    def _check(self) -> None:
        source = self.origin
        self._check_period(source)
        wrong = [hour for hour in self.hours_of_day if hour not in source.hours]
        if wrong:
            raise SpecError(f"hours: {source.title} has {source.hours} UTC, not {wrong}")
        wrong = [level for level in self.pressure_levels if level not in source.levels]
        if wrong:
            raise SpecError(f"levels: {source.title} has no {wrong} hPa, but {source.levels}")
        if self.region is not None and crosses_greenwich(self.region):
            raise SpecError(
                f"region: from {self.region.west:g} to {self.region.east:g} degrees east runs "
                "across Greenwich, which Aurora can't take",
                remedy="Choose a box on one side of it.",
            )
        self._check_variables(source)

    def _check_period(self, source: Source) -> None:
        if self.start > self.end:
            raise SpecError(f"start ({self.start}) must not be after end ({self.end})")
        if self.start < source.first or (source.last is not None and self.end > source.last):
            until = f"to {source.last}" if source.last else "onwards"
            raise SpecError(
                f"{source.title} holds {source.first} {until}, not all of {self.start} to "
                f"{self.end}"
            )

    def _check_variables(self, source: Source) -> None:
        lacking = [
            name
            for group in (Group.SURFACE, Group.ATMOSPHERIC)
            for name in _dynamic_names(self.model, group)
            if name not in source.names[group]
        ]
        if lacking:
            raise SpecError(
                f"{source.title} lacks {', '.join(lacking)}, which the variant "
                f"{self.variant!r} needs",
                remedy="The air-pollution variant wants source cams; waves on the model's grid "
                "are in MARS only (class od, stream wave).",
            )
        for text in self.variables:
            _find_variable(source, text)

    @property
    def origin(self) -> Source:
        """The source, described."""
        return find_source(self.source, self.dataset)

    @property
    def model(self) -> Variant:
        """The variant, described."""
        return get_variant(self.variant)

    @property
    def hours_of_day(self) -> tuple[int, ...]:
        """Times of day to fetch, in order."""
        return self.hours or self.origin.usual_hours

    @property
    def pressure_levels(self) -> tuple[int, ...]:
        """Levels to fetch, in order of pressure (hPa)."""
        return self.levels or self.model.levels

    def wanted(self, group: Group) -> tuple[Wanted, ...]:
        """The variables of one group to fetch, the model's first."""
        names = self.origin.names[group]
        if group is Group.STATIC:
            found = [n for n in self.model.static if n in names] if self.statics else []
            return tuple(Wanted(group=group, name=n, store_name=names[n]) for n in found)
        own = [
            Wanted(group=group, name=n, store_name=names[n])
            for n in _dynamic_names(self.model, group)
        ]
        more = [_find_variable(self.origin, text) for text in self.variables]
        taken: dict[str, Wanted] = {}
        for variable in (*own, *(v for v in more if v.group is group)):
            taken.setdefault(variable.store_name, variable)
        return tuple(taken.values())

    @property
    def statics_elsewhere(self) -> tuple[str, ...]:
        """Static variables of the model that this fetch does not bring."""
        have = {variable.name for variable in self.wanted(Group.STATIC)}
        return tuple(name for name in self.model.static if name not in have)


def _dynamic_names(variant: Variant, group: Group) -> tuple[str, ...]:
    if group is Group.ATMOSPHERIC:
        return variant.atmospheric
    return tuple(name for name in variant.surface if name not in variant.computed)


def spans_the_globe(region: Region) -> bool:
    """Whether a box holds all longitudes."""
    return region.east - region.west >= 360 or (region.west, region.east) == (-180, 180)


def crosses_greenwich(region: Region) -> bool:
    """Whether the meridian of Greenwich lies inside a box, or on its edge from the west."""
    if spans_the_globe(region):
        return False
    west, east = region.west % 360, region.east % 360
    return west > east and east != 0
