"""Which validation sample is kept as training goes, so that one can watch its forecast improve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from aurora_dash.spec.base import PositiveInt, SpecModel, StringTuple
from aurora_dash.variables import Group

if TYPE_CHECKING:
    from aurora_dash.spec.run import RunSpec


class WatchedSpec(SpecModel):
    """One validation sample whose forecast is written at validations, for the live maps."""

    enabled: bool = True
    """Whether it is written; the validation computes it in any case."""
    sample: Annotated[int, Field(ge=0)] = 0
    """Which of the samples that are validated, counted from 0."""
    part: str = ""
    """Of which part of a mix; empty: the first that keeps something for validation."""
    variables: StringTuple = ()
    """Such as ``2t``, ``t/850`` (one level) or ``t`` (all levels); empty: the new variables and
    then the first that count in the loss, eight at most, on the level nearest to 850 hPa."""
    forecast_step: PositiveInt | None = None
    """Which step of its forecast, counted from 1; None: the last that is validated."""
    every: PositiveInt = 1
    """Validations from one that is written to the next; the first and the last always are."""
    keep: PositiveInt = 20
    """How many of the newest to keep, beside the first of each doubling of the steps."""
    width: PositiveInt | None = 720
    """Most points along a line of latitude: of larger grids every n-th row and column is written.
    None: all."""


def name_and_level(text: str) -> tuple[str, float | None]:
    """The parts of ``2t`` or ``t/850``; `ValueError` if the level is no number."""
    name, slash, level = text.partition("/")
    return name, float(level) if slash else None


def refusal(spec: RunSpec) -> str:
    """Why what is to be watched does not exist; empty if it does."""
    watched = spec.training.watched
    parts = [part.name for part in spec.data.parts]
    # The spec of a single part of a mix names it too.
    if watched.part and spec.data.mix and watched.part not in parts:
        known = ", ".join(parts)
        return f"watched.part is {watched.part!r}, which is no part of the data; those are {known}"
    steps = spec.rollout.num_validated
    if watched.forecast_step is not None and watched.forecast_step > steps:
        return (
            f"watched.forecast_step is {watched.forecast_step}, but forecasts of {steps} "
            f"{'step' if steps == 1 else 'steps'} are validated"
        )
    return next((told for text in watched.variables if (told := _refusal_of(text, spec))), "")


def _refusal_of(text: str, spec: RunSpec) -> str:
    """Why one of the variables can't be watched."""
    try:
        name, level = name_and_level(text)
    except ValueError:
        return f"watched.variables names {text!r}, whose level is no number; write it as t/850"
    if name not in spec.predicted_names:
        return (
            f"watched.variables names {text!r}, which this model does not predict; it predicts "
            f"{', '.join(spec.predicted_names)}"
        )
    if level is None:
        return ""
    if name not in spec.names(Group.ATMOSPHERIC):
        return f"watched.variables names {text!r}, but {name!r} is on no levels; write {name!r}"
    if spec.data.levels is not None and level not in spec.data.levels:
        levels = ", ".join(f"{value:g}" for value in spec.data.levels)
        return f"watched.variables names {text!r}, but the data's levels are {levels}"
    return ""
