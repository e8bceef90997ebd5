"""Whether the mean and standard deviation that a person typed are those of the data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.pictures import Picture
from aurora_dash.data.reading import Values
from aurora_dash.data.statistics import Moments, level_key
from aurora_dash.data.transforms import transformed
from aurora_dash.spec import RunSpec, VariableSpec

FARTHEST_MEAN = 0.5
"""In standard deviations: a mean farther away disagrees."""
STD_RATIOS = (0.5, 2.0)
"""Typed over measured: outside these a standard deviation disagrees."""


def statistics_findings(
    measured: Mapping[str, Mapping[str, Moments]],
    spec: RunSpec,
    *,
    samples: Mapping[str, Mapping[str, Values]],
) -> Iterator[Finding]:
    """Warnings where given and measured statistics of new variables disagree.

    `measured` holds, by canonical key, the moments of what is normalised, by Aurora's names;
    `samples` in the same way some of the values, before any transform.
    """
    for variable in spec.variables:
        key = f"{variable.group.prefix}{variable.name}"
        if variable.has_statistics and key in measured:
            found = {name: m for name, m in measured[key].items() if m.count}
            given = {name: pair for name in found if (pair := _given(variable, name))}
            odd = [name for name, pair in given.items() if _disagree(pair, found[name])]
            if odd:
                picture = _histogram(samples[key][odd[0]], variable, odd[0], given[odd[0]])
                wrong = {name: given[name] for name in odd}
                yield replace(_finding(key, variable, wrong, found, spec), picture=picture)


def _given(variable: VariableSpec, name: str) -> tuple[float, float] | None:
    """What was given for a statistics key; None for a level that was left out."""
    mean, std = variable.mean, variable.std
    if isinstance(mean, dict) and isinstance(std, dict):
        for level in mean.keys() & std.keys():
            if name == _key_of(variable.name, level):
                return mean[level], std[level]
        return None
    assert isinstance(mean, float)
    assert isinstance(std, float)
    return mean, std


def _key_of(name: str, level: str) -> str | None:
    try:
        return level_key(name, float(level.replace("_", ".")))
    except ValueError:
        return None


def _disagree(given: tuple[float, float], measured: Moments) -> bool:
    mean, std = given
    low, high = STD_RATIOS
    # A field that hardly varies in a few times says nothing about the scale.
    if measured.std == 0:
        return False
    far = abs(mean - measured.mean) > FARTHEST_MEAN * measured.std
    return far or not low <= std / measured.std <= high


def _finding(
    key: str,
    variable: VariableSpec,
    given: dict[str, tuple[float, float]],
    measured: Mapping[str, Moments],
    spec: RunSpec,
) -> Finding:
    of = "" if variable.transform == "none" else f" of {variable.transform}-transformed values"
    listed = "; ".join(
        f"{name}: given {mean:.4g} ± {std:.4g}, measured {measured[name].mean:.4g} ± "
        f"{measured[name].std:.4g}"
        for name, (mean, std) in given.items()
    )
    return Finding(
        severity="warning",
        code="statistics-disagree",
        message=f"Mean and standard deviation given for {variable.name} are not those{of} in the "
        f"data ({listed}).",
        remedy="Check the unit, or leave them out to have them computed.",
        variable=key,
        fixes=(computing(variable, spec),),
    )


def _histogram(
    sample: Values, variable: VariableSpec, name: str, given: tuple[float, float]
) -> Picture:
    mean, std = given
    return Picture.histogram(
        transformed(sample, variable),
        title=name if variable.transform == "none" else f"{name}, {variable.transform}",
        expected=(mean - 2 * std, mean + 2 * std),
        note="given (mean ± 2 std)",
    )


def computing(variable: VariableSpec, spec: RunSpec) -> Fix:
    """Leaving out the numbers of a variable, so that they are computed."""
    listed = [
        v.model_dump(
            mode="json", exclude_defaults=True, exclude={"mean", "std"} if v == variable else None
        )
        for v in spec.variables
    ]
    return Fix(label="Have them computed", assignments=(f"variables={json.dumps(listed)}",))
