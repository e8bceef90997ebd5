"""Coordinates by the metadata of the CF convention, where their names say nothing."""

from __future__ import annotations

import xarray as xr

_AXES = {"latitude": "Y", "longitude": "X", "time": "T"}


def cf_coordinate(dataset: xr.Dataset, kind: str) -> str | None:
    """The coordinate that is a ``latitude``, ``longitude``, ``time`` or other standard name.

    By ``standard_name``, ``units`` and ``_CoordinateAxisType`` as `cf_xarray` reads them, else by
    ``axis``. None if there is none or several.
    """
    import cf_xarray  # noqa: F401  (registers the accessor)

    found = [
        *dataset.cf.coordinates.get(kind, []),
        *dataset.cf.standard_names.get(kind, []),
        *dataset.cf.axes.get(_AXES.get(kind, ""), []),
    ]
    # cf_xarray looks at variables, too: only coordinates count here.
    names = [str(name) for name in dict.fromkeys(found) if name in dataset.coords]
    return names[0] if names else None
