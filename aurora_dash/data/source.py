"""From a run's data specification to the dataset that its model sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import xarray as xr

from aurora_dash.data.demo import demo_dataset
from aurora_dash.data.derive import derive_inputs
from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.open import (
    GREENWICH_CODES,
    OpenedData,
    greenwich_findings,
    open_files,
)
from aurora_dash.data.remedies import already_applied, apply_infill, apply_to_source, settled
from aurora_dash.data.roots import expand_paths
from aurora_dash.data.select import crop_to_patches, select_levels, select_period, select_region
from aurora_dash.data.static_source import add_static
from aurora_dash.data.store.store import open_prepared, prepared_store
from aurora_dash.data.units import conversion
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec, VariableSpec
from aurora_dash.spec.remedies import ConvertUnit
from aurora_dash.variables import Group, find
from aurora_dash.variants import Variant


def open_data(
    data: DataSpec,
    variant: Variant,
    new_variables: tuple[VariableSpec, ...] = (),
    *,
    roots: Sequence[Path] | None = None,
) -> OpenedData:
    """Demo or files, cut to period, levels and region and cropped to whole patches of the model.

    `new_variables` are looked for under their `source_name`. With `roots` nothing outside them is
    opened. Nothing but coordinates is read. `DataError` or `PathError` for what can't be used by
    any model: no file, another format, several grids, an empty selection, a region across
    Greenwich. `aurora_dash.data.mix` opens each part of a mix for
    itself. What stands in the way of training otherwise is for `check_for_training` to say.
    """
    if data.mix:
        names = ", ".join(part.name for part in data.mix)
        raise DataError(
            f"data.mix names several parts ({names}), and here one is needed.",
            remedy="Leave the mix out (data.mix=[]) and give the data of one part.",
        )
    opened = _open_source(data, variant, new_variables, roots)
    remedies = tuple(remedy for remedy in data.remedies if remedy not in opened.remedies)
    dataset, notes = apply_to_source(opened.dataset, remedies, new_variables)
    findings = [
        *already_applied(opened.remedies),
        *settled(opened.findings, data.remedies),
        *notes,
        *_unit_findings(dataset, new_variables),
    ]
    for cut in (
        partial(derive_inputs, variant=variant),
        partial(select_period, start=data.start, end=data.end),
        partial(select_levels, levels=data.levels, variant=variant),
        partial(select_region, region=data.region),
        _one_side_of_greenwich,
        partial(crop_to_patches, patch_size=variant.patch_size),
        partial(add_static, static_file=data.static_file, variant=variant, roots=roots),
        partial(apply_infill, remedies=remedies),
    ):
        dataset, notes = cut(dataset)
        findings.extend(notes)
    about_now = [finding for finding in findings if finding.code not in GREENWICH_CODES]
    return replace(opened, dataset=dataset, findings=tuple(dict.fromkeys(about_now)))


def _open_source(
    data: DataSpec,
    variant: Variant,
    new_variables: tuple[VariableSpec, ...],
    roots: Sequence[Path] | None,
) -> OpenedData:
    if data.source == "demo":
        return _open_demo(data, variant, new_variables)
    store = prepared_store(data.paths, roots)
    if store is not None:
        return open_prepared(store, sorted(_needed_keys(variant, new_variables) - {"surf_dwi"}))
    return open_files(
        expand_paths(data.paths, roots=roots),
        aliases=_aliases(new_variables),
        needed=_needed_keys(variant, new_variables),
        member=data.member,
        period=(data.start, data.end),
    )


def _open_demo(
    data: DataSpec, variant: Variant, new_variables: tuple[VariableSpec, ...]
) -> OpenedData:
    dataset = demo_dataset(data.demo, variant)
    for variable in new_variables:
        key, source = _key(variable.name, variable.group), variable.source_name
        if source is not None and _key(source, variable.group) in dataset:
            dataset = dataset.assign({key: dataset[_key(source, variable.group)]})
    message = "This is synthetic weather made by Aurora Dash; nothing in it is real."
    finding = Finding(severity="info", code="synthetic", message=message)
    return OpenedData(dataset=dataset, findings=(finding,))


def _one_side_of_greenwich(dataset: xr.Dataset) -> tuple[xr.Dataset, list[Finding]]:
    for finding in greenwich_findings(dataset):
        choices = tuple((fix.label, fix.assignments[0]) for fix in finding.fixes)
        raise DataError(finding.message, remedy=finding.remedy, choices=choices)
    return dataset, []


def _aliases(new_variables: tuple[VariableSpec, ...]) -> dict[str, tuple[Group, str]]:
    """Names to look for in the files, beside those that the variable table knows already."""
    return {
        variable.source_name or variable.name: (variable.group, variable.name)
        for variable in new_variables
        if variable.source_name is not None or find(variable.name, variable.group) is None
    }


def _needed_keys(variant: Variant, new_variables: tuple[VariableSpec, ...]) -> frozenset[str]:
    return frozenset(
        [_key(name, Group.SURFACE) for name in (*variant.required_surface, "dwi")]
        + [_key(name, Group.ATMOSPHERIC) for name in variant.atmospheric]
        + [_key(variable.name, variable.group) for variable in new_variables]
    )


def _key(name: str, group: Group) -> str:
    return f"{group.prefix}{name}"


def _unit_findings(
    dataset: xr.Dataset, new_variables: tuple[VariableSpec, ...]
) -> Iterator[Finding]:
    for variable in new_variables:
        key = _key(variable.name, variable.group)
        found = dataset[key].attrs.get("units", "") if key in dataset else ""
        if not found or found == "?":
            continue
        same = conversion(found, variable.unit)
        if same is None or not same.is_identity:
            yield Finding(
                severity="warning",
                code="unit-registered",
                message=f"{variable.name} is registered in {variable.unit!r}, but the data gives "
                f"it in {found!r}; its values were left as they are.",
                remedy=f"Register it in {found}, with mean and standard deviation to match"
                + ("." if same is None else f", or have it converted to {variable.unit}."),
                variable=key,
                fixes=(
                    Fix.taking_as(key, variable.unit)
                    if same is None
                    else _converting(key, found, variable.unit),
                ),
            )


def _converting(key: str, found: str, wanted: str) -> Fix:
    remedy = ConvertUnit(variable=key, from_unit=found)
    return Fix.by(f"Convert from {found} to {wanted}", remedy)
