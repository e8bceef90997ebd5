"""Whole fields of the first samples, kept for maps in ``fields.nc``. Free of torch.

A variable keeps its canonical name (``surf_2t``, ``atmos_t``) and has the dimensions ``source``
(``target``, ``model``, ``persistence``, ``initial``), ``sample``, ``lead`` (hours), ``level`` where
there are levels, ``latitude`` and ``longitude``. ``time`` is when a forecast starts, ``valid_time``
what it is for. A field that does not exist, such as a target after the data's end, is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.results import replacing
from aurora_dash.variables import Group, split_key

TARGET = "target"


@dataclass(frozen=True, kw_only=True)
class FieldAxes:
    """The coordinates that all kept fields share."""

    sources: tuple[str, ...]
    """Sources of forecasts; `TARGET` is kept beside them."""
    leads: tuple[int, ...]
    """Lead times in hours."""
    levels: tuple[float, ...]
    latitudes: NDArray[np.floating[Any]]
    longitudes: NDArray[np.floating[Any]]

    def shape(self, key: str) -> tuple[int, ...]:
        """Of one field of a variable: (H, W), or (L, H, W) with levels."""
        grid = (self.latitudes.size, self.longitudes.size)
        return (len(self.levels), *grid) if split_key(key)[0] is Group.ATMOSPHERIC else grid

    def bytes_per_sample(self, keys: Sequence[str]) -> int:
        """Size in float32 of all fields of one sample: every source and lead, and the targets."""
        points = sum(int(np.prod(self.shape(key))) for key in keys)
        return 4 * points * (len(self.sources) + 1) * len(self.leads)


class FieldKeeper:
    """Collects fields in memory and writes them as one NetCDF file."""

    def __init__(self, axes: FieldAxes, keys: Sequence[str], num_samples: int) -> None:
        """`num_samples` bounds the memory: `FieldAxes.bytes_per_sample` times that."""
        self.num_samples = num_samples
        self._axes = axes
        self._sources = (TARGET, *axes.sources)
        leads = len(axes.leads)
        self._fields = {
            key: np.full(
                (len(self._sources), num_samples, leads, *axes.shape(key)), np.nan, np.float32
            )
            for key in keys
        }
        self._times = np.full(num_samples, np.datetime64("NaT", "ns"))

    def put(
        self,
        sample: int,
        lead_hours: int,
        source: str,
        fields: Mapping[str, NDArray[np.floating[Any]]],
        *,
        time: np.datetime64,
    ) -> None:
        """Keep one source's fields of one sample and lead, if the sample is one of the first.

        `time` is when the forecast starts; variables that are not kept are passed over.
        """
        if sample >= self.num_samples:
            return
        where = (self._sources.index(source), sample, self._axes.leads.index(lead_hours))
        for key, kept in self._fields.items():
            if key in fields:
                kept[where] = fields[key]
        self._times[sample] = time

    def dataset(self, attributes: Mapping[str, Mapping[str, Any]]) -> xr.Dataset:
        """All that was kept; `attributes` by variable name, those of the file under ``""``."""
        axes = self._axes
        leads = np.array(axes.leads)
        valid = self._times[:, None] + leads.astype("timedelta64[h]")
        coordinates: dict[str, Any] = {
            "source": list(self._sources),
            "sample": np.arange(self.num_samples),
            "lead": ("lead", leads, {"long_name": "lead time", "units": "h"}),
            "latitude": _axis("latitude", axes.latitudes, "degrees_north"),
            "longitude": _axis("longitude", axes.longitudes, "degrees_east"),
            "time": ("sample", self._times, {"long_name": "start of the forecast (UTC)"}),
            "valid_time": (("sample", "lead"), valid, {"long_name": "valid time (UTC)"}),
        }
        if axes.levels:
            coordinates["level"] = _axis("level", np.array(axes.levels), "hPa")
        variables = {
            key: (_dimensions(key), kept, dict(attributes.get(key, {})))
            for key, kept in self._fields.items()
        }
        return xr.Dataset(variables, coordinates, dict(attributes.get("", {})))

    def write(self, path: Path, attributes: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the file whole or not at all, one chunk a field so that maps read fast."""
        encoding: dict[str, dict[str, Any]] = {
            key: {
                "zlib": True,
                "complevel": 1,
                "chunksizes": (1,) * (kept.ndim - 2) + kept.shape[-2:],
            }
            for key, kept in self._fields.items()
        }
        encoding |= {name: {"units": "seconds since 1970-01-01"} for name in ("time", "valid_time")}
        with replacing(path) as beside:
            try:
                self.dataset(attributes).to_netcdf(beside, engine="netcdf4", encoding=encoding)
            except RuntimeError as error:
                # The library's word for a full disk, among others.
                raise EvaluationError(
                    f"Can't write the fields to {path}: {error}.",
                    remedy="Free some disk space, or keep fewer samples for maps.",
                ) from error


def fitting_samples(
    axes: FieldAxes, keys: Sequence[str], *, most_samples: int, most_bytes: int
) -> int:
    """How many samples' fields may be kept."""
    size = axes.bytes_per_sample(keys)
    return min(most_samples, most_bytes // size) if size else 0


def open_fields(path: Path) -> xr.Dataset:
    """Open a ``fields.nc`` lazily; `EvaluationError` if it can't be read."""
    try:
        return xr.open_dataset(path, engine="netcdf4")
    except (OSError, ValueError) as error:
        raise EvaluationError(f"Can't read the fields in {path}: {error}.") from error


def _dimensions(key: str) -> tuple[str, ...]:
    level = ("level",) if split_key(key)[0] is Group.ATMOSPHERIC else ()
    return ("source", "sample", "lead", *level, "latitude", "longitude")


def _axis(name: str, values: NDArray[Any], unit: str) -> tuple[str, NDArray[Any], dict[str, str]]:
    return (
        name,
        values,
        {"units": unit, "standard_name": name}
        if name != "level"
        else {
            "units": unit,
            "long_name": "pressure level",
        },
    )
