"""Which data, and how it is cut into samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from aurora_dash.errors import SpecError
from aurora_dash.spec.base import PositiveFloat, PositiveInt, SpecModel, UtcDatetime, one_or_many
from aurora_dash.spec.remedies import Remedy
from aurora_dash.spec.urls import PlaceText

LONGEST_LEAD_HOURS = 21 * 24
"""Aurora encodes lead times up to three weeks (`aurora.model.fourier.lead_time_expansion`)."""

HUB = "hub"
"""As a place of files: the repository in which the variant was published."""


class Region(SpecModel):
    """A latitude-longitude box in degrees; `west` may be negative or above `east` (wraps)."""

    north: Annotated[float, Field(ge=-90, le=90)]
    south: Annotated[float, Field(ge=-90, le=90)]
    west: Annotated[float, Field(ge=-180, lt=360)]
    east: Annotated[float, Field(ge=-180, le=360)]

    @model_validator(mode="after")
    def _north_above_south(self) -> Self:
        if self.north <= self.south:
            raise ValueError(f"north ({self.north:g}) must be above south ({self.south:g})")
        return self


class DemoSpec(SpecModel):
    """The synthetic weather that the project generates itself."""

    height: Annotated[int, Field(ge=16, le=721)] = 32
    width: Annotated[int, Field(ge=16, le=1440)] = 64
    levels: tuple[int, ...] = (1000, 850, 500, 250)
    num_times: Annotated[int, Field(ge=6, le=10_000)] = 60
    seed: int = 0


class MixPart(SpecModel):
    """One of several data sets or regions that are trained on together.

    Whatever it leaves out is that of the `DataSpec` it belongs to.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=40)]
    weight: PositiveFloat = 1.0
    """Expected share of the training samples, relative to the weights of the other parts."""
    paths: Annotated[tuple[PlaceText, ...], BeforeValidator(one_or_many)] = ()
    """Files, folders, stores, globs or addresses of its own."""
    demo: DemoSpec | None = None
    """Synthetic weather of its own, instead of files."""
    static_file: Annotated[PlaceText, Field(min_length=1)] | None = None
    region: Region | None = None
    start: UtcDatetime | None = None
    end: UtcDatetime | None = None
    validation_start: UtcDatetime | None = None
    validation_end: UtcDatetime | None = None
    """If one of the two is given, the other is not taken from the `DataSpec` either."""

    @model_validator(mode="after")
    def _files_or_demo(self) -> Self:
        if self.paths and self.demo is not None:
            raise ValueError(f"part {self.name!r} has both paths and demo; give one of them")
        return self

    def changes(self) -> dict[str, object]:
        """The fields of a `DataSpec` that this part changes."""
        changed: dict[str, object] = {"mix": ()}
        if self.paths:
            changed |= {"source": "files", "paths": self.paths}
        if self.demo is not None:
            changed |= {"source": "demo", "demo": self.demo}
        for name in ("static_file", "region", "start", "end"):
            if getattr(self, name) is not None:
                changed[name] = getattr(self, name)
        if self.validation_start is not None or self.validation_end is not None:
            changed["validation_start"] = self.validation_start
            changed["validation_end"] = self.validation_end
        return changed


@dataclass(frozen=True)
class DataPart:
    """Data of one grid and period: all of a run's, or one part of a mix."""

    name: str
    """Empty where nothing is mixed."""
    weight: float
    data: DataSpec


class DataSpec(SpecModel):
    """Which data, and how it is cut into samples."""

    source: Literal["demo", "files"] = "demo"
    paths: Annotated[tuple[PlaceText, ...], BeforeValidator(one_or_many)] = ()
    """Files, folders, Zarr stores or globs, for source ``files``: paths, relative ones from the
    current folder, or addresses (``s3://``, ``gs://``, ``az://``, ``https://``) without secrets."""
    demo: DemoSpec = DemoSpec()
    member: Annotated[int, Field(ge=0)] | None = None
    """Ensemble member to use, by its number in the data; None: the first of each file."""
    static_file: Annotated[PlaceText, Field(min_length=1)] | None = None
    """Where static variables come from that the data lacks: `HUB`, the file that was published
    with the variant; a path to such a file; None: they must be in the data."""
    levels: tuple[float, ...] | None = None
    """Pressure levels (hPa) to use; None: all that the data has and the model knows."""
    region: Region | None = None
    """Box to cut out; None: all of it."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Last part of the samples that is kept for validation; nothing of it is trained on."""
    validation_start: UtcDatetime | None = None
    validation_end: UtcDatetime | None = None
    """Period (UTC, inclusive) that is kept for validation instead of a fraction; one may be left
    open. The data before and after it is trained on."""
    gap_hours: Annotated[int, Field(ge=0)] = 0
    """Hours that lie at least between the times trained on and those of validation, so that one
    does not resemble the other; 0: they only share no time."""
    start: UtcDatetime | None = None
    end: UtcDatetime | None = None
    """First and last valid time to use (UTC, inclusive); None: all."""
    lead_hours: Annotated[int, Field(gt=0, le=LONGEST_LEAD_HOURS)] | None = None
    """Hours from input to target; None: the variant's time step."""
    stride: PositiveInt = 1
    """Use every n-th sample; 1: all. Neighbours share most of their times."""
    crop: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width, in grid points, of a box that is cut out of the training samples, at
    another place in every step; None: train on the whole grid."""
    validation_crop: Literal["whole", "centre"] = "whole"
    """Validate on the whole grid, or on the box of that size in its middle."""
    mix: tuple[MixPart, ...] = ()
    """Data sets or regions that are trained on together, a batch from one at a time; empty: only
    what is said here. With parts, what is said here counts for whatever they leave out."""
    remedies: tuple[Remedy, ...] = ()
    """What is done to the data on opening: infill, omit, convert, drop and the like."""

    @model_validator(mode="after")
    def _source_is_complete(self) -> Self:
        alone = any(not part.paths and part.demo is None for part in self.mix) or not self.mix
        if self.source == "files" and not self.paths and alone:
            raise ValueError("source 'files' needs data.paths: files, folders or globs")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"start ({self.start}) must be before end ({self.end})")
        return self

    @model_validator(mode="after")
    def _each_remedy_once(self) -> Self:
        for position, remedy in enumerate(self.remedies):
            if remedy in self.remedies[:position]:
                raise ValueError(f"data.remedies has the same {remedy.kind} twice: {remedy!r}")
        return self

    @model_validator(mode="after")
    def _validation_lies_in_the_period(self) -> Self:
        first, last = self.validation_start, self.validation_end
        if first and last and first >= last:
            raise ValueError(f"validation_start ({first}) must be before validation_end ({last})")
        if self.end and first and first >= self.end:
            raise ValueError(f"validation_start ({first}) must be before end ({self.end})")
        if self.start and last and last <= self.start:
            raise ValueError(f"validation_end ({last}) must be after start ({self.start})")
        return self

    @model_validator(mode="after")
    def _parts_are_whole(self) -> Self:
        names = [part.name for part in self.mix]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"mix has {names.count(name)} parts called {name!r}")
        for part in self.mix:
            try:
                self.of(part)
            except SpecError as error:
                raise ValueError(f"mix part {part.name!r}: {error.message}") from error
        return self

    def of(self, part: MixPart) -> DataSpec:
        """The data of one part of the mix, as if nothing were mixed."""
        return self.replace(**part.changes())

    @property
    def parts(self) -> tuple[DataPart, ...]:
        """All data of one grid and period that the run uses; a single one without a mix."""
        if not self.mix:
            return (DataPart("", 1.0, self),)
        return tuple(DataPart(part.name, part.weight, self.of(part)) for part in self.mix)

    @property
    def has_validation_period(self) -> bool:
        """Whether validation is a period, and `validation_fraction` is not used."""
        return self.validation_start is not None or self.validation_end is not None
