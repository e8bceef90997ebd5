"""Stretches of a Zarr archive (ARCO-ERA5, WeatherBench 2) as NetCDF files with canonical names.

The archive is opened lazily and read a variable and a few times at a time, so that memory stays
bounded whatever is asked. Latitudes are written from north to south, longitudes eastwards in
[0, 360), levels as asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

# As in `aurora_dash.data.grib`: whoever opens a store makes xarray load eccodes, with a PROJ that
# must not come before pyproj's.
import pyproj  # noqa: F401
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.fetch.ledger import Ledger
from aurora_dash.data.fetch.netcdf import NetcdfWriter, Selection
from aurora_dash.data.fetch.pace import Pace, ShouldStop, wait
from aurora_dash.data.fetch.plan import Piece
from aurora_dash.data.fetch.request import FetchRequest, spans_the_globe
from aurora_dash.data.fetch.sources import Source, Wanted
from aurora_dash.data.fetch.state import Step, cannot_write
from aurora_dash.data.times import format_time
from aurora_dash.errors import DataError
from aurora_dash.spec import Region
from aurora_dash.variables import Group

T = TypeVar("T")

SLAB_BYTES = 2**28
"""Of an archive's whole time steps, as float32: what is held in memory at a time, at least one."""
_EDGE = 1e-4  # degrees; coordinates in single precision are that exact


class Archive:
    """Brings all open pieces of a ledger."""

    def __init__(
        self, ledger: Ledger, request: FetchRequest, pace: Pace, should_stop: ShouldStop
    ) -> None:
        self._ledger = ledger
        self._request = request
        self._source: Source = request.origin
        self._pace = pace
        self._should_stop = should_stop

    def work(self) -> None:
        """Until every piece is done; `StoppedError` if asked to."""
        pieces = self._ledger.open
        if not pieces:
            return
        self._ledger.tell(f"Opening {self._source.title}", at_once=True)
        with self._tried(lambda: open_archive(self._source.url), "the archive") as dataset:
            selection = select(dataset, self._request)
            _require(dataset, pieces, self._source)
            for piece in pieces:
                self._ledger.note(piece, Step.RUNNING)
                path = self._ledger.folder / f"{piece.id}.nc"
                self._write(dataset, piece, selection, path)
                self._ledger.deliver(piece, [path])

    def _write(self, dataset: xr.Dataset, piece: Piece, selection: Selection, path: Path) -> None:
        part = path.with_name(f".{path.name}.part")
        times = _time_indices(dataset, piece, self._request)
        try:
            with NetcdfWriter(part, selection, dataset["time"].values[times]) as file:
                self._fill(dataset, piece, selection, times, file)
            part.replace(path)
        except OSError as error:
            raise cannot_write(path, error) from error

    def _fill(
        self,
        dataset: xr.Dataset,
        piece: Piece,
        selection: Selection,
        times: NDArray[np.intp],
        file: NetcdfWriter,
    ) -> None:
        total = len(piece.variables) * len(times)
        for number, wanted in enumerate(piece.variables):
            array = dataset[wanted.store_name]
            file.add(wanted, array, is_static=piece.is_static)
            for start, stop in _slabs(array, len(times)):
                wait(0.0, self._should_stop)
                values = self._read(array, selection, times[start:stop], piece)
                self._require_values(values, wanted, dataset, times[start:stop], piece)
                file.put(wanted, values, start, is_static=piece.is_static)
                done = (number * len(times) + stop) / max(total, 1)
                self._ledger.received(int(done * piece.num_bytes), f"Reading {piece.id}")

    def _read(
        self, array: xr.DataArray, selection: Selection, times: NDArray[np.intp], piece: Piece
    ) -> NDArray[np.float32]:
        where: dict[str, Any] = {"latitude": selection.rows, "longitude": selection.columns}
        if "level" in array.dims:
            where["level"] = selection.levels
        if "time" in array.dims:
            where["time"] = times[0] if piece.is_static else times
        dims = [d for d in ("time", "level", "latitude", "longitude") if d in array.dims]
        if piece.is_static:
            dims = ["latitude", "longitude"]
        picked = array.isel({name: _as_slice(index) for name, index in where.items()})
        values: NDArray[np.float32] = self._tried(
            lambda: picked.transpose(*dims).to_numpy().astype(np.float32), str(array.name)
        )
        return values

    def _require_values(
        self,
        values: NDArray[np.float32],
        wanted: Wanted,
        dataset: xr.Dataset,
        times: NDArray[np.intp],
        piece: Piece,
    ) -> None:
        """An archive answers with NaN for what it does not hold, such as times yet to come."""
        if piece.is_static or wanted.name == "sst":
            return
        empty = np.isnan(values).reshape(len(times), -1).all(axis=1)
        if empty.any():
            when = format_time(dataset["time"].values[times[int(np.argmax(empty))]])
            raise DataError(
                f"{self._source.title} holds no {wanted.store_name} at {when}.",
                remedy="Choose a period that ends before, or leave the variable out.",
            )

    def _tried(self, action: Callable[[], T], what: str) -> T:
        """The result of `action`, tried again while the network fails."""
        import aiohttp

        problem = ""
        for failures in range(1, self._pace.tries + 1):
            try:
                return action()
            except (FileNotFoundError, PermissionError, ValueError) as error:
                raise DataError(
                    f"{self._source.title} could not be opened for {what}: {type(error).__name__}.",
                    remedy="Check that the public archive, or the mirror that the environment "
                    "names, is there.",
                ) from error
            except (OSError, TimeoutError, aiohttp.ClientError) as error:
                problem = type(error).__name__
            wait(self._pace.pause_after(failures), self._should_stop)
        raise DataError(
            f"{self._source.title} could not be reached {self._pace.tries} times in a row for "
            f"{what} (last: {problem}).",
            remedy="Check the connection, then start the same fetch again.",
        )


def open_archive(url: str) -> xr.Dataset:
    """The archive, lazily; public buckets are read without an account."""
    anonymous = {"token": "anon"} if url.startswith("gs://") else None
    dataset: xr.Dataset = xr.open_zarr(
        url, chunks=None, storage_options=anonymous, decode_timedelta=False
    )
    return dataset


def select(dataset: xr.Dataset, request: FetchRequest) -> Selection:
    """The points of the archive's grid inside the request's box, and its levels."""
    latitude = dataset["latitude"].values.astype(np.float64)
    longitude = dataset["longitude"].values.astype(np.float64) % 360
    rows, columns = np.argsort(-latitude), np.argsort(longitude)
    if request.region is not None:
        rows = rows[_inside_latitudes(latitude[rows], request.region)]
        columns = columns[_inside_longitudes(longitude[columns], request.region)]
    if not rows.size or not columns.size:
        raise DataError(f"No point of {request.origin.title} lies in the region asked for.")
    held = dataset["level"].values.astype(np.float64) if "level" in dataset else np.array([])
    lacking = [level for level in request.pressure_levels if level not in held]
    if lacking:
        raise DataError(f"{request.origin.title} has no {lacking} hPa, but {held.tolist()}.")
    levels = np.array([int(np.flatnonzero(held == v)[0]) for v in request.pressure_levels])
    return Selection(
        rows=rows,
        columns=columns,
        levels=levels,
        latitude=latitude[rows],
        longitude=longitude[columns],
        pressure=held[levels],
    )


def _inside_latitudes(values: NDArray[np.float64], region: Region) -> NDArray[np.bool_]:
    return (values <= region.north + _EDGE) & (values >= region.south - _EDGE)


def _inside_longitudes(values: NDArray[np.float64], region: Region) -> NDArray[np.bool_]:
    if spans_the_globe(region):
        return np.ones(values.shape, dtype=bool)
    west, east = region.west % 360, region.east % 360 or 360.0
    return (values >= west - _EDGE) & (values <= east + _EDGE)


def _require(dataset: xr.Dataset, pieces: Sequence[Piece], source: Source) -> None:
    """Every variable is there, before the first byte of the first one is read."""
    wanted = {v.store_name: v for piece in pieces for v in piece.variables}
    lacking = [name for name in wanted if name not in dataset.data_vars]
    if lacking:
        raise DataError(
            f"{source.title} lacks {', '.join(lacking)}.",
            remedy="Leave out what it lacks (static variables come from the model's published "
            "file, too), or choose another source.",
        )
    for name, variable in wanted.items():
        if (variable.group is Group.ATMOSPHERIC) != ("level" in dataset[name].dims):
            raise DataError(f"{source.title}: {name} is not {variable.group.value}.")


def _time_indices(dataset: xr.Dataset, piece: Piece, request: FetchRequest) -> NDArray[np.intp]:
    held = dataset["time"].values.astype("datetime64[ns]")
    days = _days(piece.first, piece.last)
    if piece.is_static:
        days = days[:1]
    hours = np.array(request.hours_of_day, dtype="timedelta64[h]").astype("timedelta64[ns]")
    wanted = (days[:, None] + (hours[:1] if piece.is_static else hours)[None, :]).ravel()
    found: NDArray[np.intp] = np.searchsorted(held, wanted)
    there = (found < held.size) & (held[np.minimum(found, held.size - 1)] == wanted)
    if not there.all():
        raise DataError(
            f"{request.origin.title} has no {format_time(wanted[int(np.argmin(there))])} "
            f"({int((~there).sum())} of {wanted.size} times of this piece are missing).",
            remedy=f"It holds {format_time(held[0])} to {format_time(held[-1])}.",
        )
    return found


def _days(first: date, last: date) -> NDArray[np.datetime64]:
    days: NDArray[np.datetime64] = np.arange(
        np.datetime64(first), np.datetime64(last) + np.timedelta64(1, "D")
    ).astype("datetime64[ns]")
    return days


def _slabs(array: xr.DataArray, num_times: int) -> list[tuple[int, int]]:
    """Stretches of times that are read at once; a chunk is read whole, so whole steps count."""
    steps = array.sizes.get("time", 1)
    a_step = 4 * array.size // max(steps, 1)
    length = max(1, SLAB_BYTES // max(a_step, 1))
    return [(i, min(i + length, num_times)) for i in range(0, num_times, length)]


def _as_slice(index: Any) -> Any:
    """Neighbouring indices as a slice, which reads faster; others as they are."""
    if np.ndim(index) == 0 or len(index) < 2:
        return index
    steps = np.diff(index)
    if (steps == 1).all():
        return slice(int(index[0]), int(index[-1]) + 1)
    if (steps == -1).all():
        stop = int(index[-1]) - 1
        return slice(int(index[0]), None if stop < 0 else stop, -1)
    return index
