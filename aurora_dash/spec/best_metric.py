"""Which values of a validation may say which checkpoint is the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_dash.variables import Group

if TYPE_CHECKING:
    from aurora_dash.spec.run import RunSpec

WHOLE = "loss"


def choices(spec: RunSpec) -> tuple[str, ...]:
    """The values of the validation records of a run; levels are the model's where data decide."""
    levels = spec.data.levels or spec.model.catalogue_entry.levels
    return (
        *_without_levels(spec),
        *(f"loss/{name}/{level:g}" for name in _atmospheric(spec) for level in levels),
    )


def refusal(spec: RunSpec) -> str:
    """Why validation does not measure what is to say which is best; empty if it does."""
    metric = spec.training.best_metric
    known = _without_levels(spec)
    name, _, level = metric.removeprefix("loss/").partition("/")
    if metric in known or (name in _atmospheric(spec) and _is_level(level, spec)):
        return ""
    by_level = (f"loss/{name}/<level>" for name in _atmospheric(spec))
    return (
        f"best_metric is {metric!r}, which validation does not measure; it measures "
        f"{', '.join([*known, *by_level])}"
    )


def _without_levels(spec: RunSpec) -> tuple[str, ...]:
    surface = spec.names(Group.SURFACE)
    return (
        WHOLE,
        *(f"loss/{name}" for name in spec.targets if name in surface),
        *(f"part/{part.name}/loss" for part in spec.data.parts if spec.data.mix),
    )


def _atmospheric(spec: RunSpec) -> tuple[str, ...]:
    names = spec.names(Group.ATMOSPHERIC)
    return tuple(name for name in spec.targets if name in names)


def _is_level(text: str, spec: RunSpec) -> bool:
    try:
        level = float(text)
    except ValueError:
        return False
    levels = spec.data.levels
    return text == f"{level:g}" and (level > 0 if levels is None else level in levels)
