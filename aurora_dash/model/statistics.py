"""The numbers that normalise one model's variables; every model carries its own.

`aurora.normalisation` holds two dictionaries for the whole process. They are read here, never
written: a `ModelStatistics` is a copy for one model, with the new variables' numbers added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from aurora_dash.data.statistics import level_key, merge_moments
from aurora_dash.data.store.moments import moments_of
from aurora_dash.errors import DataError, ModelError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.variables import Group, describe
from aurora_dash.variants import PRESSURE_LEVELS

if TYPE_CHECKING:
    import xarray as xr

Pair = tuple[float, float]


@dataclass(frozen=True)
class ModelStatistics:
    """Location and scale of every variable of one model, in physical units; of a variable with a
    transform, of its transformed values."""

    surface: Mapping[str, Pair]
    """By name, for surface and static variables."""
    atmospheric: Mapping[str, Pair]
    """By name and level, as ``z_500``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "surface", MappingProxyType(dict(self.surface)))
        object.__setattr__(self, "atmospheric", MappingProxyType(dict(self.atmospheric)))
        for key, (mean, std) in {**self.surface, **self.atmospheric}.items():
            # Written so that NaN is refused too.
            if not (abs(mean) < float("inf") and 0 < std < float("inf")):
                raise ModelError(
                    f"Statistics of {key!r} can't normalise: mean {mean!r}, std {std!r}.",
                    remedy="Give a finite mean and a finite standard deviation above 0.",
                )

    @classmethod
    def for_spec(cls, spec: RunSpec, dataset: xr.Dataset | None = None) -> Self:
        """Aurora's own numbers for the variant's variables unless the spec changes them knowingly
        (`ModelSpec.statistics`), the spec's for the new ones.

        New variables without numbers are measured on `dataset`; without one, `ModelError`.
        """
        if dataset is not None:
            spec = resolve_statistics(spec, dataset, None)
        surface, atmospheric = _defaults(spec)
        for key, pair in spec.model.statistics.items():
            (surface if key in surface else atmospheric)[key] = pair
        for variable in spec.variables:
            if variable.group is Group.ATMOSPHERIC:
                atmospheric |= _levels_of(variable)
            else:
                surface[variable.name] = _pair_of(variable)
        return cls(surface, atmospheric)

    def of_surface(self, name: str) -> Pair:
        """Location and scale of a surface or static variable; `ModelError` if unknown."""
        try:
            return self.surface[name]
        except KeyError:
            raise ModelError(
                f"The model has no statistics for the surface or static variable {name!r}.",
                remedy="Register it as a new variable with its mean and standard deviation.",
            ) from None

    def of_atmospheric(self, name: str, levels: Sequence[float]) -> tuple[list[float], list[float]]:
        """Locations and scales of a variable on `levels` (hPa); `ModelError` names a gap."""
        try:
            pairs = [self.atmospheric[level_key(name, level)] for level in levels]
        except KeyError as error:
            known = [key for key in self.atmospheric if key.rpartition("_")[0] == name]
            raise ModelError(
                f"The model has no statistics for {error.args[0]!r} (variable and level in hPa); "
                f"it has {', '.join(known) or f'none for {name!r}'}.",
                remedy="Choose levels with data.levels, or give statistics for this one.",
            ) from None
        return [mean for mean, _ in pairs], [std for _, std in pairs]

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """Plain data for JSON."""
        return {
            "surface": {key: list(pair) for key, pair in self.surface.items()},
            "atmospheric": {key: list(pair) for key, pair in self.atmospheric.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; `ModelError` for anything else."""
        try:
            surface, atmospheric = (
                {str(key): (float(mean), float(std)) for key, (mean, std) in values[part].items()}
                for part in ("surface", "atmospheric")
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"Damaged statistics: {error!r}.") from error
        return cls(surface, atmospheric)


def resolve_statistics(
    spec: RunSpec, dataset: xr.Dataset, time_indices: Sequence[int] | None
) -> RunSpec:
    """The spec with the statistics of all new variables filled in.

    Those that were given stay; the others are measured on `time_indices` of the canonical
    dataset (None: all times), which should be the training period alone.
    """
    return resolve_mixed_statistics(spec, [(dataset, time_indices)])


def resolve_mixed_statistics(
    spec: RunSpec, measured: Sequence[tuple[xr.Dataset, Sequence[int] | None]]
) -> RunSpec:
    """Like `resolve_statistics` on several datasets together: every value counts once, whatever
    the shares in which they are mixed."""
    variables = tuple(v if v.has_statistics else _measured(v, measured) for v in spec.variables)
    return spec if variables == spec.variables else spec.replace(variables=variables)


def inherit_statistics(spec: RunSpec, earlier: RunSpec) -> RunSpec:
    """The spec with statistics taken over from the run it continues: those of new variables, and
    what was changed knowingly of the model's own.

    Weights are worth what they were only with the numbers they were trained with; those that
    the spec itself gives stay. Of a variable with another transform nothing can be taken over.
    """
    known = {_in_its_space(v): v for v in earlier.variables if v.has_statistics}
    variables = tuple(
        v.replace(mean=known[_in_its_space(v)].mean, std=known[_in_its_space(v)].std)
        if not v.has_statistics and _in_its_space(v) in known
        else v
        for v in spec.variables
    )
    statistics = {**earlier.model.statistics, **spec.model.statistics}
    if variables == spec.variables and statistics == spec.model.statistics:
        return spec
    model = spec.model.replace(statistics=statistics)
    return spec.replace(variables=variables, model=model)


def _in_its_space(variable: VariableSpec) -> tuple[Group, str, str, float | None]:
    return variable.group, variable.name, variable.transform, variable.transform_offset


def _measured(
    variable: VariableSpec, measured: Sequence[tuple[xr.Dataset, Sequence[int] | None]]
) -> VariableSpec:
    key = describe(variable.name, variable.group).key
    if any(key not in dataset for dataset, _ in measured):
        raise DataError(
            f"The data has no {variable.group} variable {variable.name!r}, whose mean and standard "
            "deviation are to be computed.",
            remedy="Add a file that has it, or give its name in the files as source_name.",
        )
    moments = merge_moments(moments_of(dataset, variable, times) for dataset, times in measured)
    for name, found in moments.items():
        if not 0 < found.std < float("inf"):
            raise DataError(
                f"Variable {name!r} can't be normalised: over the training period its standard "
                f"deviation is {found.std:g} ({found.count} finite values).",
                remedy="Use a variable that varies, a longer period, or type mean and std.",
            )
    if variable.group is not Group.ATMOSPHERIC:
        found = moments[variable.name]
        return variable.replace(mean=found.mean, std=found.std)
    prefix = f"{variable.name}_"
    return variable.replace(
        mean={name.removeprefix(prefix): found.mean for name, found in moments.items()},
        std={name.removeprefix(prefix): found.std for name, found in moments.items()},
    )


def _defaults(spec: RunSpec) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """Aurora's statistics of the variant's own variables."""
    from aurora.normalisation import locations, scales

    variant = spec.model.catalogue_entry
    keys = [level_key(name, level) for name in variant.atmospheric for level in PRESSURE_LEVELS]
    return (
        {
            name: (float(locations[name]), float(scales[name]))
            for name in (*variant.surface, *variant.static)
        },
        {key: (float(locations[key]), float(scales[key])) for key in keys},
    )


def _pair_of(variable: VariableSpec) -> Pair:
    mean, std = variable.mean, variable.std
    if not isinstance(mean, float | int) or not isinstance(std, float | int):
        raise _no_statistics(variable)
    return float(mean), float(std)


def _levels_of(variable: VariableSpec) -> dict[str, Pair]:
    mean, std = variable.mean, variable.std
    if mean is None or std is None:
        raise _no_statistics(variable)
    if not isinstance(mean, dict) or not isinstance(std, dict):
        pair = _pair_of(variable)
        return {level_key(variable.name, level): pair for level in PRESSURE_LEVELS}
    means, stds = _by_level(variable.name, mean.items()), _by_level(variable.name, std.items())
    if means.keys() != stds.keys():
        odd = ", ".join(sorted(means.keys() ^ stds.keys()))
        raise ModelError(
            f"Variable {variable.name!r}: mean and std name different levels ({odd}).",
            remedy="Give both for every level.",
        )
    return {key: (means[key], stds[key]) for key in means}


def _by_level(name: str, items: Iterable[tuple[str, float]]) -> dict[str, float]:
    found = {}
    for level, value in items:
        try:
            found[level_key(name, float(level.replace("_", ".")))] = float(value)
        except ValueError:
            raise ModelError(
                f"Variable {name!r}: {level!r} is not a pressure level.",
                remedy='Write the level in hPa, for example "850".',
            ) from None
    return found


def _no_statistics(variable: VariableSpec) -> ModelError:
    return ModelError(
        f"New variable {variable.name!r} has no mean and standard deviation.",
        remedy="Type them, or have them computed from the data of the run.",
    )
