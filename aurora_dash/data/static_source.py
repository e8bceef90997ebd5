"""Static variables that the data lacks, from the file that was published with the checkpoint.

Such a file holds fields of the whole globe without coordinates: rows from 90 degrees north
southwards, columns from Greenwich eastwards, at the resolution of the variant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.axes import describe_grid
from aurora_dash.data.cache import local_copy
from aurora_dash.data.findings import Finding
from aurora_dash.data.hub import fetch_static
from aurora_dash.data.places import Remote
from aurora_dash.data.roots import expand_paths
from aurora_dash.data.static_file import read_static
from aurora_dash.errors import CheckpointError, DataError
from aurora_dash.spec import HUB
from aurora_dash.variables import Group, describe
from aurora_dash.variants import Variant

Axis = NDArray[np.float64]

# Degrees; finer than any grid, coarser than what rounding does to coordinates.
_TOLERANCE = 1e-3


def add_static(
    dataset: xr.Dataset,
    static_file: str | None,
    variant: Variant,
    *,
    roots: Sequence[Path] | None = None,
) -> tuple[xr.Dataset, list[Finding]]:
    """Add the variant's static variables that the data lacks; those that it has stay.

    `static_file` is a path, `HUB` for the file that was published with the checkpoint, or None
    for nothing. Points are matched by their coordinates, so that the data may be of a region.
    `DataError` if the file can't be had or read, or the data's points are not among its own.
    """
    missing = [name for name in variant.static if f"{Group.STATIC.prefix}{name}" not in dataset]
    if static_file is None or not missing:
        return dataset, []
    try:
        path = _find(static_file, variant, roots)
        fields = read_static(path)
    except CheckpointError as error:
        raise DataError(error.message, remedy=error.remedy) from error
    rows, columns = _points_of(dataset, fields, path.name, variant)
    found = [name for name in missing if name in fields]
    added = {
        f"{Group.STATIC.prefix}{name}": _array(name, fields[name][np.ix_(rows, columns)])
        for name in found
    }
    lacking = [name for name in missing if name not in fields]
    return dataset.assign(added), _findings(path, static_file, variant, found, lacking)


def _find(static_file: str, variant: Variant, roots: Sequence[Path] | None) -> Path:
    if static_file == HUB:
        return fetch_static(variant)
    files = expand_paths([static_file], roots=roots)
    if len(files) != 1:
        raise DataError(
            f"data.static_file = {static_file!r} stands for {len(files)} files; expected one.",
            remedy="Give the path of one static file.",
        )
    (file,) = files
    return local_copy(file)[0] if isinstance(file, Remote) else file


def _points_of(
    dataset: xr.Dataset, fields: Mapping[str, NDArray[Any]], name: str, variant: Variant
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the file at which the points of the data lie."""
    latitudes, longitudes = _axes_of(fields, name, variant)
    own_latitudes, own_longitudes = dataset["latitude"].values, dataset["longitude"].values
    rows, columns = _nearest(own_latitudes, latitudes), _nearest(own_longitudes, longitudes)
    off = max(
        np.abs(latitudes[rows] - own_latitudes).max(),
        np.abs(longitudes[columns] - own_longitudes).max(),
    )
    if off > _TOLERANCE:
        raise DataError(
            f"The grid of the static file does not coincide with that of the data: {name} has "
            f"{describe_grid(latitudes, longitudes)}; the data has "
            f"{describe_grid(own_latitudes, own_longitudes)}.",
            remedy=f"Bring the data to the model's own grid of {variant.resolution_degrees:g} "
            "degrees, or give the static variables in files on the grid of the data and take out "
            "data.static_file.",
        )
    return rows, columns


def _axes_of(fields: Mapping[str, NDArray[Any]], name: str, variant: Variant) -> tuple[Axis, Axis]:
    """Latitudes and longitudes of a static file's fields, told from their shape."""
    resolution = variant.resolution_degrees
    height, width = round(180 / resolution), round(360 / resolution)
    shapes = sorted({field.shape for field in fields.values()})
    # The models drop the last row, the south pole, and so do some files.
    if len(shapes) != 1 or shapes[0] not in ((height + 1, width), (height, width)):
        found = " and ".join(" x ".join(map(str, shape)) for shape in shapes) or "no fields"
        raise DataError(
            f"{name} is no static file of {variant.title}: it has {found}; expected "
            f"{height + 1} x {width} points, the globe at {resolution:g} degrees.",
            remedy="Give the static file of this variant, or choose that of the hub.",
        )
    rows, columns = shapes[0]
    # Divided at the end, so that no step is added up.
    return 90 - np.arange(rows) * 180 / height, np.arange(columns) * 360 / width


def _nearest(values: NDArray[Any], axis: Axis) -> NDArray[np.intp]:
    step = axis[1] - axis[0]
    positions: NDArray[np.intp] = np.rint((values - axis[0]) / step).astype(np.intp)
    return np.clip(positions, 0, axis.size - 1, out=positions)


def _array(name: str, values: NDArray[Any]) -> xr.DataArray:
    variable = describe(name, Group.STATIC)
    attributes = {"units": variable.unit, "long_name": variable.long_name}
    return xr.DataArray(values.astype(np.float32), dims=("latitude", "longitude"), attrs=attributes)


def _findings(
    path: Path, static_file: str, variant: Variant, found: Sequence[str], lacking: Sequence[str]
) -> list[Finding]:
    origin = f"{path}"
    if static_file == HUB:
        origin = f"{variant.repository}/{variant.static_file} @ {variant.revision[:8]} of the hub"
    findings = []
    if found:
        message = f"{', '.join(found)} came from the static file {origin}."
        findings.append(Finding(severity="info", code="static-file", message=message, where=origin))
    if lacking:
        message = f"The static file {origin} lacks {', '.join(lacking)}, as the data does."
        findings.append(
            Finding(
                severity="warning",
                code="static-file-lacks",
                message=message,
                remedy="Add files that hold them, or give another static file.",
                where=origin,
            )
        )
    return findings
