"""What is done to data so that a model can use it: small steps, each named, recorded and undone.

They are applied on opening, lazily, in the order of the classes below whatever their order in
`DataSpec.remedies`, and so identically in checks, statistics, training and evaluation.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from aurora_dash.errors import SpecError
from aurora_dash.spec.base import FiniteFloat, PositiveInt, SpecModel, UtcDatetime
from aurora_dash.variables import Group, split_key


def _canonical(key: str) -> str:
    try:
        split_key(key)
    except SpecError as error:
        raise ValueError(error.message) from None
    return key


def _static(key: str) -> str:
    if split_key(key)[0] is not Group.STATIC:
        raise ValueError(f"{key} is not static")
    return key


VariableKey = Annotated[str, AfterValidator(_canonical)]
"""A variable as a canonical dataset calls it: ``surf_2t``, ``static_lsm``, ``atmos_q``."""
StaticKey = Annotated[VariableKey, AfterValidator(_static)]


class KeepFirst(SpecModel):
    """Of fields of the same time keep the first, in the order of the files."""

    kind: Literal["keep_first"] = "keep_first"
    title: ClassVar[str] = "keep the first field of a time"


class FirstField(SpecModel):
    """Of a static variable that changes in the files keep the field of the first time."""

    kind: Literal["first_field"] = "first_field"
    title: ClassVar[str] = "keep the first field of a static variable"
    variable: StaticKey


class DropTimes(SpecModel):
    """Leave these times out; samples that would use them are not made."""

    kind: Literal["drop_times"] = "drop_times"
    title: ClassVar[str] = "drop times"
    times: Annotated[tuple[UtcDatetime, ...], Field(min_length=1)]


class OmitVariable(SpecModel):
    """Do as if the data did not have the variable."""

    kind: Literal["omit_variable"] = "omit_variable"
    title: ClassVar[str] = "omit the variable"
    variable: VariableKey


class ConvertUnit(SpecModel):
    """Take the values as being in `from_unit`, whatever the file says, and convert them."""

    kind: Literal["convert_unit"] = "convert_unit"
    title: ClassVar[str] = "convert the unit"
    variable: VariableKey
    from_unit: Annotated[str, Field(min_length=1)]
    """A unit that can be converted to the variable's own; ``%`` for atmos_q: relative humidity,
    which is made specific with the temperature of the same data."""


class _WithLimits(SpecModel):
    variable: VariableKey
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("give low, high or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self


class MaskValues(_WithLimits):
    """Count values below `low` or above `high` (in the variable's own unit) as missing."""

    kind: Literal["mask_values"] = "mask_values"
    title: ClassVar[str] = "count values as missing"


class ClipValues(_WithLimits):
    """Bring values below `low` to `low` and those above `high` to `high`."""

    kind: Literal["clip_values"] = "clip_values"
    title: ClassVar[str] = "clip the values"


class RoundCodes(SpecModel):
    """Bring the class codes of a categorical variable to the nearest whole number."""

    kind: Literal["round_codes"] = "round_codes"
    title: ClassVar[str] = "round to whole codes"
    variable: VariableKey


class InfillTime(SpecModel):
    """Fill missing values of each point linearly between the times before and after.

    A value is left missing if one of the two is farther than `max_hours`, so nothing is
    extrapolated. As targets filled values are missing still. A gap at the last training times may
    be filled from the first validation time: where that matters, drop those times instead.
    """

    kind: Literal["infill_time"] = "infill_time"
    title: ClassVar[str] = "infill by interpolation in time"
    variable: VariableKey
    max_hours: PositiveInt = 24


class InfillSpace(SpecModel):
    """Fill missing values of each field from the nearest ones to west, east, north and south.

    The four are weighted by the inverse of their distance; of classes the nearest is taken. A
    field without any value is left as it is. As targets filled values are missing still.
    """

    kind: Literal["infill_space"] = "infill_space"
    title: ClassVar[str] = "infill by interpolation in space"
    variable: VariableKey


REMEDY_TYPES = (
    KeepFirst,
    FirstField,
    DropTimes,
    OmitVariable,
    ConvertUnit,
    MaskValues,
    ClipValues,
    RoundCodes,
    InfillTime,
    InfillSpace,
)
"""In the order in which they are applied."""

Remedy = Annotated[
    KeepFirst
    | FirstField
    | DropTimes
    | OmitVariable
    | ConvertUnit
    | MaskValues
    | ClipValues
    | RoundCodes
    | InfillTime
    | InfillSpace,
    Field(discriminator="kind"),
]
