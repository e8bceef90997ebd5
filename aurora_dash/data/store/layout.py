"""What a training store is made of: its variables, its grid, and where each field lies.

A store is a Zarr 3 group that any Zarr library opens, with one array a variable, named as in a
canonical dataset, and one chunk a time step. Times are in the order of their slots: the order in
which they were added, not that of time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.statistics import level_key
from aurora_dash.data.store.codec import DEFAULT_CODEC, ZARR_CODECS, Codec
from aurora_dash.data.times import Times
from aurora_dash.errors import DataError
from aurora_dash.variables import Group, split_key

OWN_FOLDER = ".aurora-dash"
"""Where a store keeps what is not Zarr: manifest, ledger, status."""

_COORDINATE_CODECS = ({"name": "bytes", "configuration": {"endian": "little"}},)
_KEPT_ATTRIBUTES = ("units", "long_name", "source_name")
_SECONDS = np.timedelta64(1, "s")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Variables and grid of a store; the same for all its times."""

    latitude: tuple[float, ...]
    longitude: tuple[float, ...]
    level: tuple[float, ...]
    """hPa, in the order of the chunks; empty without atmospheric variables."""
    attributes: Mapping[str, Mapping[str, str]]
    """By key, such as ``surf_2t``: unit, long name and name in the files."""
    synthetic: bool = False
    codec: Codec = DEFAULT_CODEC

    @classmethod
    def of(cls, dataset: xr.Dataset, keys: Sequence[str], codec: Codec) -> Self:
        """That of the variables `keys` of a canonical dataset."""
        return cls(
            codec=codec,
            latitude=tuple(dataset["latitude"].values.tolist()),
            longitude=tuple(dataset["longitude"].values.tolist()),
            level=tuple(dataset["level"].values.tolist()) if "level" in dataset.coords else (),
            attributes={
                key: {
                    name: str(dataset[key].attrs[name])
                    for name in _KEPT_ATTRIBUTES
                    if name in dataset[key].attrs
                }
                for key in keys
            },
            synthetic=bool(dataset.attrs.get("synthetic")),
        )

    @property
    def moving(self) -> tuple[str, ...]:
        """Keys of the variables that change in time, in a fixed order."""
        return tuple(key for key in self.attributes if split_key(key)[0] is not Group.STATIC)

    @property
    def static(self) -> tuple[str, ...]:
        """Keys of those that do not."""
        return tuple(key for key in self.attributes if split_key(key)[0] is Group.STATIC)

    def dims(self, key: str) -> tuple[str, ...]:
        """Dimensions of a variable."""
        group = split_key(key)[0]
        times = () if group is Group.STATIC else ("time",)
        levels = ("level",) if group is Group.ATMOSPHERIC else ()
        return (*times, *levels, "latitude", "longitude")

    def step_shape(self, key: str) -> tuple[int, ...]:
        """Shape of a variable at one time: (levels,) latitudes, longitudes."""
        plane = (len(self.latitude), len(self.longitude))
        return (len(self.level), *plane) if split_key(key)[0] is Group.ATMOSPHERIC else plane

    def step_bytes(self) -> int:
        """Size of all fields of one time in memory."""
        return sum(4 * int(np.prod(self.step_shape(key))) for key in self.moving)

    def statistics_keys(self, key: str) -> tuple[str, ...]:
        """Aurora's names for the statistics of a variable, in the order of its levels."""
        group, name = split_key(key)
        if group is Group.ATMOSPHERIC:
            return tuple(level_key(name, level) for level in self.level)
        return (name,)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "latitude": list(self.latitude),
            "longitude": list(self.longitude),
            "level": list(self.level),
            "attributes": {key: dict(values) for key, values in self.attributes.items()},
            "synthetic": self.synthetic,
            "codec": self.codec,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; `DataError` for a codec that is not known here."""
        # Stores that were prepared before there was a choice don't say.
        codec = values.get("codec", DEFAULT_CODEC)
        if codec not in ZARR_CODECS:
            raise DataError(
                f"The training store's codec is {codec!r}, not {' or '.join(ZARR_CODECS)}.",
                remedy="It was prepared by another version: update, or prepare it again.",
            )
        return cls(
            latitude=tuple(map(float, values["latitude"])),
            longitude=tuple(map(float, values["longitude"])),
            level=tuple(map(float, values["level"])),
            attributes={str(key): dict(found) for key, found in values["attributes"].items()},
            synthetic=bool(values["synthetic"]),
            codec=codec,
        )


def chunk_path(folder: Path, layout: Layout, key: str, slot: int) -> Path:
    """The file of a variable at one time."""
    before, after = around_slot(folder, layout, key)
    return Path(f"{before}{slot}{after}")


def around_slot(folder: Path, layout: Layout, key: str) -> tuple[str, str]:
    """What stands before and after the slot in the paths of a variable's files."""
    return str(folder / key / "c."), ".0" * len(layout.step_shape(key))


def static_path(folder: Path, key: str) -> Path:
    """The file of a static variable."""
    return folder / key / "c.0.0"


def zarr_files(
    layout: Layout, times: Times, attributes: Mapping[str, Any]
) -> Iterator[tuple[str, bytes]]:
    """Path within the store and content of all files of the Zarr group but the fields.

    The group's own metadata, which repeats that of its arrays, comes last.
    """
    nodes: dict[str, dict[str, Any]] = {}
    seconds = (times.astype("datetime64[s]") - np.datetime64(0, "s")) / _SECONDS
    axes: dict[str, tuple[NDArray[Any], dict[str, str]]] = {
        "time": (
            seconds.astype("<i8"),
            {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian"},
        ),
        "level": (np.array(layout.level, "<f8"), {"units": "hPa"}),
        "latitude": (np.array(layout.latitude, "<f8"), {"units": "degrees_north"}),
        "longitude": (np.array(layout.longitude, "<f8"), {"units": "degrees_east"}),
    }
    for name, (values, units) in axes.items():
        if values.size:
            nodes[name] = _array(values.shape, values.shape, (name,), values.dtype.name, units)
            yield f"{name}/c.0", values.tobytes()
    for key in layout.attributes:
        step, dims = layout.step_shape(key), layout.dims(key)
        chunk = (1, *step) if "time" in dims else step
        shape = (times.size, *step) if "time" in dims else step
        attrs = layout.attributes[key]
        nodes[key] = _array(shape, chunk, dims, "float32", attrs, ZARR_CODECS[layout.codec])
    for name, node in nodes.items():
        yield f"{name}/zarr.json", _json(node)
    group = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}
    consolidated = {"kind": "inline", "must_understand": False, "metadata": nodes}
    yield "zarr.json", _json({**group, "consolidated_metadata": consolidated})


def _array(
    shape: Sequence[int],
    chunk: Sequence[int],
    dims: Sequence[str],
    dtype: str,
    attributes: Mapping[str, Any],
    codecs: Sequence[Mapping[str, Any]] = _COORDINATE_CODECS,
) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": "NaN" if dtype == "float32" else 0,
        "codecs": list(codecs),
        "attributes": dict(attributes),
        "dimension_names": list(dims),
        "storage_transformers": [],
    }


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
