"""What is minimised, and how much each variable, level and place counts in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from aurora_dash.spec.base import NonNegativeFloat, PositiveFloat, SpecModel, StringTuple

LossKind = Literal["mae", "mse", "huber", "combined", "custom"]

_LEVEL_KEY = re.compile(r"(?:(?P<name>[A-Za-z0-9_]+)/)?(?P<level>\d+(?:\.\d+)?)")


def _level_key(key: str) -> str:
    match = _LEVEL_KEY.fullmatch(key)
    if match is None:
        raise ValueError("write a level in hPa, such as 850, or one of a variable, such as z/850")
    name, level = match["name"], f"{float(match['level']):g}"
    return f"{name}/{level}" if name else level


class LossSpec(SpecModel):
    """What is minimised: a weighted mean of errors of normalised values, as in the paper."""

    kind: LossKind = "mae"
    """What an error counts: its absolute value; its square; Huber's loss, the square below
    `huber_delta` and linear above; ``combined``, absolute value and square together; ``custom``,
    what the class in `code` says."""
    huber_delta: PositiveFloat = 1.0
    """For ``huber``: from which normalised error on it grows linearly."""
    mse_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """For ``combined``: the share of the square; the absolute value has the rest."""
    code: Annotated[str, Field(min_length=1)] | None = None
    """For ``custom``: a Python file with one subclass of
    `aurora_dash.training.loss.WeightedLoss`. It is run only where the person at the machine has
    allowed it (``AURORA_DASH_USER_CODE=1`` or ``--user-code``)."""
    targets: StringTuple = ()
    """Names of the predicted variables that count; empty: all."""
    weights: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Weight by variable name; 1 where not given."""
    level_weights: dict[Annotated[str, AfterValidator(_level_key)], NonNegativeFloat] = Field(
        default_factory=dict
    )
    """Weight of a level of all atmospheric variables (``850``) or of one (``z/850``), which goes
    before; 1 where not given."""
    surface_weight: NonNegativeFloat = 0.25
    atmospheric_weight: NonNegativeFloat = 1.0
    gamma: PositiveFloat = 1.0
    """Factor of the data set in the paper: 2 for ERA5, 1.5 for GFS, else 1."""
    area_weighted: bool = False
    """Weigh each row of the grid by its area on the sphere; the paper does not."""
    mask: Literal["none", "land", "sea", "file"] = "none"
    """Where errors count: everywhere; on land or on sea, told by the static variable lsm; where
    `mask_file` says."""
    mask_file: Annotated[str, Field(min_length=1)] | None = None
    """For ``file``: a NetCDF file with one variable on latitude and longitude, from 0 (does not
    count) to 1 (counts), that has all points of the data."""

    @model_validator(mode="after")
    def _files_go_with_what_reads_them(self) -> Self:
        if (self.mask == "file") != (self.mask_file is not None):
            raise ValueError(
                f"mask {self.mask!r} and mask_file {self.mask_file!r} don't go together: mask "
                "'file' needs loss.mask_file, and nothing else reads it"
            )
        if (self.kind == "custom") != (self.code is not None):
            raise ValueError(
                f"kind {self.kind!r} and code {self.code!r} don't go together: kind 'custom' needs "
                "loss.code, the path of a Python file, and nothing else reads it"
            )
        return self

    def level_weight(self, name: str, level: float) -> float:
        """Weight of a level (hPa) of an atmospheric variable."""
        general = self.level_weights.get(f"{level:g}", 1.0)
        return self.level_weights.get(f"{name}/{level:g}", general)

    def without_names(self) -> LossSpec:
        """The same without what names a variable."""
        levels = {key: value for key, value in self.level_weights.items() if "/" not in key}
        return self.replace(targets=(), weights={}, level_weights=levels)
