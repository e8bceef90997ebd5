"""Variables of the chosen data that the model does not know: what can be registered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aurora_dash.data.reading import read_values
from aurora_dash.data.statistics import merge_moments
from aurora_dash.data.store.moments import moments_of
from aurora_dash.data.transforms import Numbers, transformed
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.ui import opened
from aurora_dash.variables import Group

_TIMES = 8
_SAMPLED = 100_000


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A variable of the data that could be registered."""

    name: str
    group: Group
    unit: str
    long_name: str
    source_name: str | None = None

    @property
    def label(self) -> str:
        """How a list shows it."""
        return f"{self.name} · {self.long_name} [{self.unit}], {self.group}"


def candidates(spec: RunSpec) -> list[Candidate]:
    """Variables that the data holds and that neither the model nor the spec has."""
    found = []
    for variable in opened.summary(spec).variables:
        group = Group(variable.group)
        if variable.name in spec.names(group):
            continue
        renamed = variable.source_name != variable.name
        found.append(
            Candidate(
                name=variable.name,
                group=group,
                unit=variable.unit,
                long_name=variable.long_name,
                source_name=variable.source_name if renamed else None,
            )
        )
    return [*found, *_unrecognised(spec)]


def _unrecognised(spec: RunSpec) -> list[Candidate]:
    """Variables of the files whose names mean nothing yet, with a name that the model can take."""
    taken = {variable.source_name or variable.name for variable in spec.variables}
    names = dict.fromkeys(
        finding.variable
        for finding in opened.opened(spec).findings
        if finding.code == "unrecognised" and finding.variable and finding.variable not in taken
    )
    return [
        Candidate(
            name="".join(c if c.isalnum() else "_" for c in name).strip("_"),
            group=Group.SURFACE,
            unit="",
            long_name=name,
            source_name=name,
        )
        for name in names
    ]


def levels(spec: RunSpec) -> tuple[float, ...]:
    """Pressure levels of the chosen data; none if it can't be opened."""
    try:
        return opened.summary(spec).levels
    except DataError:
        return ()


def moments(spec: RunSpec, variable: VariableSpec) -> dict[float | None, tuple[float, float]]:
    """Mean and standard deviation of a new variable over the training period, by level (hPa).

    Of what its transform makes of the values. The level is None for surface and static variables.
    `DataError` if the data lacks it.
    """
    found = merge_moments(
        moments_of(part.dataset, variable, opened.training_times(part.spec))
        for part in opened.parts(_with(spec, variable))
    )
    return {_level_of(name, variable): (moment.mean, moment.std) for name, moment in found.items()}


def sample(spec: RunSpec, variable: VariableSpec) -> dict[float | None, Numbers]:
    """Transformed values of a new variable by level (hPa): a few training times, a coarse grid.

    At most some 100,000 values a level, so that it is quick for data of any size.
    """
    with_it = _with(spec, variable)
    array = opened.opened(with_it).dataset[f"{variable.group.prefix}{variable.name}"]
    if "time" in array.dims:
        times = opened.training_times(with_it)
        chosen = np.unique(np.linspace(0, len(times) - 1, min(len(times), _TIMES)).round())
        array = array.isel(time=[times[int(i)] for i in chosen])
    points = array.sizes["latitude"] * array.sizes["longitude"] * array.sizes.get("time", 1)
    step = max(1, math.ceil(math.sqrt(points / _SAMPLED)))
    coarse = array.isel(latitude=slice(None, None, step), longitude=slice(None, None, step))
    values = transformed(read_values(coarse), variable)
    if variable.group is not Group.ATMOSPHERIC:
        return {None: values}
    axis = coarse.dims.index("level")
    numbers = coarse["level"].values.tolist()
    layers = np.moveaxis(values, axis, 0)
    return dict(zip(numbers, layers, strict=True))


def _with(spec: RunSpec, variable: VariableSpec) -> RunSpec:
    same = (variable.name, variable.group)
    others = tuple(v for v in spec.variables if (v.name, v.group) != same)
    return spec.replace(variables=(*others, variable))


def _level_of(statistics_key: str, variable: VariableSpec) -> float | None:
    if variable.group is not Group.ATMOSPHERIC:
        return None
    return float(statistics_key.removeprefix(f"{variable.name}_"))
