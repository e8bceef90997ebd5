"""Where data came from, in words that belong under every picture and score of it."""

from __future__ import annotations

import numpy as np
import xarray as xr

from aurora_dash.data.open import OpenedData
from aurora_dash.data.readers import read_file
from aurora_dash.errors import DataError

SYNTHETIC = "Synthetic weather made by Aurora Dash; not real."

# What the licence of the Copernicus programme asks for under anything derived from its data.
_COPERNICUS = (
    "Contains modified Copernicus Climate Change Service information {years}. Neither the European "
    "Commission nor ECMWF is responsible for any use that may be made of it."
)
# The coordinate by which the Climate Data Store tells final ERA5 from preliminary.
_ERA5_MARK = "expver"
_NAMED_FILES = 3


def attribution(opened: OpenedData, *, synthetic: bool) -> str:
    """Such as ``Data: European Centre for Medium-Range Weather Forecasts (a.nc, b.nc).``"""
    if opened.attribution:
        return opened.attribution
    if synthetic and not opened.files:
        return SYNTHETIC
    names = [path.name for path in opened.files[:_NAMED_FILES]]
    if len(opened.files) > _NAMED_FILES:
        names.append(f"and {len(opened.files) - _NAMED_FILES} more")
    files = ", ".join(names)
    institution, is_era5 = _origin(opened)
    source = f"{institution} ({files})" if institution else files
    if synthetic:
        return f"Synthetic data: {source}."
    notice = _COPERNICUS.format(years=_years(opened.dataset)) if is_era5 else ""
    return f"Data: {source}. {notice}".strip()


def _origin(opened: OpenedData) -> tuple[str, bool]:
    """The institution that the first file names, and whether it is ERA5 from the CDS."""
    try:
        parts, _ = read_file(opened.files[0])
    except (DataError, IndexError):
        return "", False
    datasets = [part.dataset for part in parts]
    names = (
        dataset.attrs.get("institution") or dataset.attrs.get("GRIB_centreDescription")
        for dataset in datasets
    )
    institution = next((str(name) for name in names if name), "")
    is_era5 = any(_ERA5_MARK in dataset.variables for dataset in datasets)
    for dataset in datasets:
        dataset.close()
    return institution, is_era5


def _years(dataset: xr.Dataset) -> str:
    years = np.unique(dataset["time"].values.astype("datetime64[Y]")).astype(str)
    return years[0] if years.size == 1 else f"{years[0]}-{years[-1]}"
