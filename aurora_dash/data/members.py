"""Ensembles: one member is trained on, and which one is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from aurora_dash.data.findings import Finding, Fix
from aurora_dash.errors import DataError

MEMBER_NAMES = ("number", "realization", "realisation", "member", "ensemble_member", "ensemble")
_MOST_LISTED = 12


def one_member(
    dataset: xr.Dataset, wanted: int | None, label: str
) -> tuple[xr.Dataset, list[Finding]]:
    """`dataset` without its ensemble dimension: the member numbered `wanted`, or the first.

    Members without numbers are counted from 0. A dataset of a single member is left alone unless
    another is wanted. `DataError` names the members there are if `wanted` is not among them.
    """
    axis = next((str(d) for d in dataset.dims if _is_member_axis(dataset, str(d))), None)
    return (dataset, []) if axis is None else _take(dataset, axis, wanted, label)


def _is_member_axis(dataset: xr.Dataset, dim: str) -> bool:
    known = dim.lower() in MEMBER_NAMES
    return known or (
        dim in dataset.coords and dataset[dim].attrs.get("standard_name") == "realization"
    )


def _take(
    dataset: xr.Dataset, axis: str, wanted: int | None, label: str
) -> tuple[xr.Dataset, list[Finding]]:
    numbers = _numbers(dataset, axis)
    if wanted is not None and wanted not in numbers:
        raise DataError(
            f"{label} has no ensemble member {wanted}: its members ({axis}) are "
            f"{_listed(numbers)}.",
            remedy="Change data.member.",
        )
    position = 0 if wanted is None else numbers.index(wanted)
    taken = dataset.isel({axis: position}, drop=True)
    if len(numbers) == 1:
        return taken, []
    number = numbers[position]
    chosen = Fix(label=f"Take member {number}", assignments=(f"data.member={number}",))
    message = (
        f"{label} holds {len(numbers)} ensemble members ({axis} {_listed(numbers)}); member "
        f"{number} was taken."
    )
    return taken, [
        Finding(
            severity="info" if wanted is not None else "warning",
            code="member-taken",
            message=message,
            remedy="" if wanted is not None else "Choose another with data.member.",
            where=label,
            fixes=() if wanted is not None else (chosen,),
        )
    ]


def _numbers(dataset: xr.Dataset, axis: str) -> list[int]:
    size = dataset.sizes[axis]
    if axis not in dataset.coords:
        return list(range(size))
    values = dataset[axis].values
    if values.dtype.kind not in "iuf" or not np.array_equal(values, np.round(values)):
        return list(range(size))
    return [int(value) for value in values]


def _listed(numbers: Sequence[int]) -> str:
    if len(numbers) > _MOST_LISTED and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))
