"""Which sample of the validation is watched, and which of its fields are kept."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_dash.errors import DataError
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.runs.watched import WatchedField
from aurora_dash.spec import RunSpec
from aurora_dash.spec.watched import name_and_level
from aurora_dash.training.material import ValidationPart
from aurora_dash.training.watched import SampleWatch
from aurora_dash.variables import Group, describe

_MOST_FIELDS = 8
_USUAL_LEVEL = 850.0


def watch_of(
    spec: RunSpec, validation: Sequence[ValidationPart], module: OwnStatistics
) -> SampleWatch | None:
    """What watches the sample that the spec asks for; None if none is asked for, or nothing is
    validated. `DataError` if there is no such part, sample or level.
    """
    watched = spec.training.watched
    if not watched.enabled or not validation:
        return None
    name = watched.part or validation[0].name
    part = next((part for part in validation if part.name == name), None)
    if part is None:
        known = ", ".join(part.name for part in validation if part.name)
        raise DataError(
            f"training.watched.part is {name!r}, but validated are {known or 'no parts'}.",
            remedy=f"Choose one of {known}." if known else "Leave it empty: nothing is mixed.",
        )
    if watched.sample >= len(part.samples):
        raise DataError(
            f"training.watched.sample is {watched.sample}, but {len(part.samples)} samples are "
            "validated.",
            remedy=f"Choose one from 0 to {len(part.samples) - 1}.",
        )
    return SampleWatch(
        watched,
        watched_fields(spec, part.levels),
        module,
        part=name,
        batch_size=spec.training.batch_size,
        num_steps=spec.rollout.num_validated,
    )


def watched_fields(spec: RunSpec, levels: Sequence[float]) -> tuple[WatchedField, ...]:
    """The fields that are kept of data on these levels; `DataError` for a level it lacks."""
    wanted = spec.training.watched.variables
    if not wanted:
        usual = min(levels, key=lambda level: abs(level - _USUAL_LEVEL), default=None)
        return tuple(_field(spec, name, usual) for name in _usual_names(spec))[:_MOST_FIELDS]
    fields: dict[str, WatchedField] = {}
    for text in wanted:
        name, level = name_and_level(text)
        if level is not None and level not in levels:
            raise DataError(
                f"training.watched.variables names {text!r}, but the data's levels are "
                f"{', '.join(f'{value:g}' for value in levels)}.",
                remedy="Name one of these, or the variable alone for all of them.",
            )
        on_levels = level is None and name in spec.names(Group.ATMOSPHERIC)
        for own in levels if on_levels else (level,):
            field = _field(spec, name, own)
            fields[field.key] = field
    return tuple(fields.values())


def _usual_names(spec: RunSpec) -> list[str]:
    """The new variables, then those that count in the loss."""
    computed = spec.model.catalogue_entry.computed
    new = [v.name for v in spec.variables if v.name in spec.predicted_names]
    return [name for name in dict.fromkeys([*new, *spec.targets]) if name not in computed]


def _field(spec: RunSpec, name: str, level: float | None) -> WatchedField:
    on_levels = name in spec.names(Group.ATMOSPHERIC)
    group = Group.ATMOSPHERIC if on_levels else Group.SURFACE
    own = next((v.long_name for v in spec.variables if v.name == name), "")
    return WatchedField(
        name=name,
        group=group,
        level=level if on_levels else None,
        unit=spec.unit(name, group),
        long_name=own or describe(name, group).long_name,
    )
