"""What all parts of a spec share: validation, refusal of unknown keys, readable errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from aurora_dash.spec.wrong_values import spec_error

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(gt=0)]


def one_or_many(value: object) -> object:
    """A single text where several may stand, as a tuple of one."""
    return (value,) if isinstance(value, str) else value


def _as_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


StringTuple = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]
UtcDatetime = Annotated[datetime, AfterValidator(_as_utc)]


class SpecModel(BaseModel):
    """Base of all parts of a spec."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )

    @classmethod
    def build(cls, values: Mapping[str, Any], *, source: str = "") -> Self:
        """Construct from plain data; a wrong value becomes a `SpecError` that quotes it."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise spec_error(error, cls, source=source) from error

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some fields changed."""
        return type(self).build({**self.model_dump(), **changes})
