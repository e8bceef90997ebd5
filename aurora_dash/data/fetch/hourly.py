"""ERA5's accumulations under the names of the models that predict them.

ERA5 accumulates over the hour that ends at the valid time, which is what Aurora 1.5 calls
``tp_1h`` and so on; a file's own ``tp`` could be of any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aurora_dash.data.fetch.sources import Wanted
from aurora_dash.data.formats import FileFormat, detect_format
from aurora_dash.variables import describe

_IN_THE_FILES = {
    "scaled_tp_1h": "tp",
    "scaled_sf_1h": "sf",
    "uvb_1h": "uvb",
    "ssrd_1h": "ssrd",
    "ttr_1h": "ttr",
}


def name_hourly(files: Sequence[Path], variables: Sequence[Wanted]) -> None:
    """Rename, in place, those of `variables` that are one-hour accumulations."""
    names = {
        _IN_THE_FILES[v.name]: describe(v.name, v.group).key
        for v in variables
        if v.name in _IN_THE_FILES
    }
    if not names:
        return
    import netCDF4

    for path in files:
        if detect_format(path) is FileFormat.GRIB:
            continue
        with netCDF4.Dataset(path, "a") as file:
            for old, new in names.items():
                if old in file.variables:
                    file[old].source_name = old
                    file.renameVariable(old, new)
