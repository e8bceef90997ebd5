"""Where data came from, in words that belong under every picture and score of it."""

from __future__ import annotations

from aurora_dash.data.open import OpenedData
from aurora_dash.data.readers import read_file
from aurora_dash.errors import DataError

SYNTHETIC = "Synthetic weather made by Aurora Dash; not real."

_NAMED_FILES = 3


def attribution(opened: OpenedData, *, synthetic: bool) -> str:
    """Such as ``Data: European Centre for Medium-Range Weather Forecasts (a.nc, b.nc).``"""
    if synthetic and not opened.files:
        return SYNTHETIC
    names = [path.name for path in opened.files[:_NAMED_FILES]]
    if len(opened.files) > _NAMED_FILES:
        names.append(f"and {len(opened.files) - _NAMED_FILES} more")
    files = ", ".join(names)
    institution = _institution(opened)
    label = "Synthetic data" if synthetic else "Data"
    return f"{label}: {institution} ({files})." if institution else f"{label}: {files}."


def _institution(opened: OpenedData) -> str:
    try:
        parts, _ = read_file(opened.files[0])
    except (DataError, IndexError):
        return ""
    for part in parts:
        with part.dataset as dataset:
            name = dataset.attrs.get("institution") or dataset.attrs.get("GRIB_centreDescription")
        if name:
            return str(name)
    return ""
