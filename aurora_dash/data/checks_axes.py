"""What names, units, levels and grid alone tell about the use of data for a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import xarray as xr

from aurora_dash.data.checks_grid import grid_findings
from aurora_dash.data.checks_missing import removal
from aurora_dash.data.checks_statistics import computing
from aurora_dash.data.findings import Finding, Fix
from aurora_dash.spec import HUB, RunSpec, VariableSpec
from aurora_dash.variables import Group, describe
from aurora_dash.variants import get_variant

_PLAIN, _POLLUTION = "small", "0.4-air-pollution"


def axis_findings(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """What stands in the way, as far as no field and no time has to be looked at."""
    yield from _missing_variables(dataset, spec)
    yield from unit_findings(dataset, spec)
    yield from _levels_without_statistics(dataset, spec)
    yield from grid_findings(dataset, spec)
    yield from _changed_statistics(spec)


def _missing_variables(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    variant = spec.model.catalogue_entry
    wanted = {
        Group.SURFACE: variant.required_surface,
        Group.STATIC: variant.static,
        Group.ATMOSPHERIC: variant.atmospheric,
    }
    present = {g: [k for k in dataset.data_vars if str(k).startswith(g.prefix)] for g in Group}
    if not present[Group.ATMOSPHERIC]:
        yield _surface_only(dataset, variant.atmospheric, spec)
    for group, names in wanted.items():
        missing = [name for name in names if f"{group.prefix}{name}" not in dataset]
        if missing and (group is not Group.ATMOSPHERIC or present[group]):
            yield _missing(group, missing, spec)
    for variable in spec.variables:
        key = f"{variable.group.prefix}{variable.name}"
        if key not in dataset:
            omitted = removal(key, spec)
            looked_for = variable.source_name or variable.name
            yield Finding(
                severity="error",
                # A forecast can be made without it: only training and scores want it.
                code="new-variable-missing" if variable.is_given else "missing-target",
                message=f"The new {variable.group} variable {variable.name} is not in the data "
                f"(looked for {looked_for!r}).",
                remedy="Give files that hold it, correct its source_name or group, or remove it "
                "from the run.",
                variable=key,
                fixes=(omitted,) if omitted else (),
            )
    yield from _missing_outputs(dataset, spec)


def _surface_only(dataset: xr.Dataset, atmospheric: Sequence[str], spec: RunSpec) -> Finding:
    return Finding(
        severity="error",
        code="surface-only",
        message="This data is surface-only: it has no variable on pressure levels. The model "
        f"cannot run on it alone, since it also takes {', '.join(atmospheric)} on pressure levels.",
        remedy="Add files with these variables on pressure levels, for the same area and times "
        f"({_where_from(dataset, spec)}).",
    )


def _where_from(dataset: xr.Dataset, spec: RunSpec) -> str:
    """The data set of the data store from which data like this comes."""
    pollution = get_variant(_POLLUTION)
    known = {v.key for v in pollution.variables(Group.SURFACE)} - {
        v.key for v in get_variant(_PLAIN).variables(Group.SURFACE)
    }
    if not known & set(dataset.data_vars):
        return "for ERA5: the data set reanalysis-era5-pressure-levels"
    text = "for CAMS: the data set cams-global-atmospheric-composition-forecasts"
    if spec.model.variant != pollution.id:
        text += f"; the variant for pollutants is {pollution.id}: set model.variant={pollution.id}"
    return text


def _missing(group: Group, names: Sequence[str], spec: RunSpec) -> Finding:
    described = ", ".join(f"{name} ({describe(name, group).long_name.lower()})" for name in names)
    return Finding(
        severity="error",
        code=f"missing-{group}",
        message=f"The data lacks {len(names)} {group} variable{'s' * (len(names) > 1)} that the "
        f"model {spec.model.variant} takes: {described}.",
        remedy=_missing_remedy(group, spec),
        fixes=_published_static(spec) if group is Group.STATIC else (),
        variable=f"{group.prefix}{names[0]}" if len(names) == 1 else None,
    )


def _missing_remedy(group: Group, spec: RunSpec) -> str:
    if group is not Group.STATIC:
        return "Add files that hold them, on the same grid and for the same times."
    published = spec.model.catalogue_entry.static_file
    remedy = "Add files that hold them, on the same grid"
    if published is None or spec.data.static_file is not None:
        return f"{remedy}."
    return (
        f"{remedy}; or take them from the variant's published file {published}: set "
        f"data.static_file to {HUB!r}, or to the path of a copy."
    )


def _published_static(spec: RunSpec) -> tuple[Fix, ...]:
    if spec.model.catalogue_entry.static_file is None or spec.data.static_file is not None:
        return ()
    label = "Take them from the published file"
    return (Fix(label=label, assignments=(f"data.static_file={HUB}",)),)


def _missing_outputs(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """Variables that are predicted but not given: needed only if they are aimed at."""
    absent = [n for n in spec.model.catalogue_entry.output_only if f"surf_{n}" not in dataset]
    aimed_at = [name for name in absent if name in spec.loss.targets]
    if aimed_at:
        yield Finding(
            severity="error",
            code="missing-target",
            message=f"loss.targets names {', '.join(aimed_at)}, which the data lacks.",
            remedy="Add files that hold them, or take them out of loss.targets.",
            fixes=(_other_targets(spec, aimed_at),),
        )
    elif absent:
        yield Finding(
            severity="warning",
            code="missing-outputs",
            message=f"The model also predicts {', '.join(absent)}, which the data lacks: they "
            "can't be trained or scored.",
            remedy="Add files that hold them if they matter.",
        )


def _other_targets(spec: RunSpec, absent: Sequence[str]) -> Fix:
    kept = [name for name in spec.loss.targets if name not in absent]
    return Fix(label="Aim at the others", assignments=(f"loss.targets={json.dumps(kept)}",))


def unit_findings(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """The model's own variables that are in another unit than it takes them in."""
    new = {(v.group, v.name) for v in spec.variables}
    for group in Group:
        for name in spec.names(group):
            key = f"{group.prefix}{name}"
            expected = describe(name, group).unit
            if key not in dataset or (group, name) in new or expected == "?":
                continue
            found = dataset[key].attrs.get("units", expected)
            if found != expected:
                yield Finding(
                    severity="error",
                    code="unit-wrong",
                    message=f"{key} is in {found!r}; the model takes it in {expected}.",
                    remedy=f"Convert it to {expected} in the files; or, if only the word for it is "
                    "odd, take the values as they are.",
                    variable=key,
                    fixes=(Fix.taking_as(key, expected),),
                )


def _levels_without_statistics(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    if "level" not in dataset.coords:
        return
    levels = dataset["level"].values.tolist()
    known = spec.model.catalogue_entry.levels
    unknown = [level for level in levels if level not in known]
    if unknown:
        yield Finding(
            severity="error",
            code="levels-without-statistics",
            message=f"The model has no statistics for {_listed(unknown)} hPa, so it can't take "
            "that level of its variables.",
            remedy=f"Choose data.levels among {_listed([k for k in known if k in levels] or known)}"
            " hPa.",
            where=f"{_listed(unknown)} hPa",
            fixes=_only_levels([level for level in levels if level in known]),
        )
    for variable in spec.variables:
        given = _levels_given(variable)
        lacking = [level for level in levels if given is not None and level not in given]
        if lacking:
            kept = [level for level in levels if level not in lacking]
            yield _statistics_lacking(
                variable, lacking, (computing(variable, spec), *_only_levels(kept))
            )


def _only_levels(kept: Sequence[float]) -> tuple[Fix, ...]:
    return (Fix.using_levels(kept),) if kept else ()


def _levels_given(variable: VariableSpec) -> set[float] | None:
    """Levels for which a new variable has both statistics; None if it has none by level."""
    if not isinstance(variable.mean, dict) or not isinstance(variable.std, dict):
        return None
    return {level for text in variable.mean.keys() & variable.std if (level := _as_level(text))}


def _as_level(text: str) -> float | None:
    try:
        return round(float(text.replace("_", ".")), 3)
    except ValueError:
        return None


def _statistics_lacking(
    variable: VariableSpec, lacking: Sequence[float], fixes: tuple[Fix, ...]
) -> Finding:
    given = ", ".join(variable.mean) if isinstance(variable.mean, dict) else ""
    return Finding(
        severity="error",
        code="levels-without-statistics",
        message=f"The new variable {variable.name} has mean and std by level ({given}), but not "
        f"for {_listed(lacking)} hPa.",
        remedy="Give both for every level, leave them out to have them computed, or choose "
        "data.levels.",
        variable=f"atmos_{variable.name}",
        where=f"{_listed(lacking)} hPa",
        fixes=fixes,
    )


def _changed_statistics(spec: RunSpec) -> Iterator[Finding]:
    if spec.model.statistics:
        changed = ", ".join(
            f"{key} (mean {mean:g}, std {std:g})"
            for key, (mean, std) in spec.model.statistics.items()
        )
        yield Finding(
            severity="warning",
            code="statistics-changed",
            message="The model's own variables are normalised with other numbers than Aurora's: "
            f"{changed}.",
            remedy="Its weights were trained with Aurora's numbers: take these out of "
            "model.statistics unless you mean it.",
            fixes=(Fix(label="Use Aurora's numbers", assignments=("model.statistics={}",)),),
        )


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
