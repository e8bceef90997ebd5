"""Looks through a file that a native library is to read, in a process that may die of it.

Run by `aurora_dash.data.probe`: one JSON request a line on stdin, one JSON answer a line on stdout.
What ends this process or keeps it busy would have done the same to the dashboard.
"""

from __future__ import annotations

import contextlib
import json
import math
import mmap
import os
import resource
import sys
from typing import Any

MEMORY_BYTES = 4 * 2**30
_LONGEST_AXIS = 80_000_000
_MOST_POINTS = 100_000_000
_MOST_OBJECTS = 50_000
# The stand-in for missing values that cfgrib gives every message.
_MISSING = 3.4028234663852886e38
_KIND_KEYS = (
    *("gridType", "packingType", "md5GridSection", "bitsPerValue", "numberOfValues"),
    *("typeOfLevel", "paramId", "bitmapPresent"),
)
_KEYS = (
    *_KIND_KEYS,
    *("numberOfDataPoints", "totalLength", "dataDate", "dataTime", "endStep", "stepType", "level"),
    *("validityDate", "validityTime", "number", "shortName", "units", "name", "cfName"),
    *("cfVarName", "dataType", "Nx", "Ny", "centre", "edition"),
)


class UnsoundError(Exception):
    """Something that the library would read without an error, and should not."""


def main() -> None:
    """Answer requests until there are no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Libraries write to stdout when they fail: only answers may go there.
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        problem = _problem(request["path"], request["kind"])
        answers.write(json.dumps({"problem": problem}) + "\n")
        answers.flush()


def _problem(path: str, kind: str) -> str | None:
    look = {"hdf5": _look_through_hdf5, "classic": _look_through_classic, "grib": _decode_grib}
    try:
        look[kind](path)
    except MemoryError:
        return "it claims more memory than any field needs"
    except UnsoundError as error:
        return str(error)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _look_through_hdf5(path: str) -> None:
    import h5py  # type: ignore[import-untyped]

    size = os.path.getsize(path)  # noqa: PTH202
    seen = 0
    with h5py.File(path, "r") as file:
        groups = [file]
        while groups:
            group = groups.pop()
            _read_attributes(group)
            for name in group:
                seen += 1
                if seen > _MOST_OBJECTS:
                    raise UnsoundError(f"it holds more than {_MOST_OBJECTS} objects")
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise UnsoundError(f"{name} is a link to another file")
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset):
                    _look_at(item, size)


def _look_at(dataset: Any, file_bytes: int) -> None:
    import h5py

    _read_attributes(dataset)
    name, space = dataset.name, dataset.dtype.itemsize * math.prod(dataset.shape or (1,))
    if dataset.is_virtual or dataset.external:
        raise UnsoundError(f"the values of {name} lie in another file")
    if dataset.ndim == 1 and dataset.shape[0] > _LONGEST_AXIS:
        raise UnsoundError(f"{name} claims {dataset.shape[0]} values on one axis")
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is not None and offset + space > file_bytes:
            raise UnsoundError(f"the values of {name} lie behind the end of the file")
    else:
        _look_at_chunks(dataset, file_bytes)
    if (
        dataset.ndim <= 1
        and dataset.shape is not None
        and h5py.check_dtype(ref=dataset.dtype) is None
    ):
        dataset[()]


def _look_at_chunks(dataset: Any, file_bytes: int) -> None:
    def check(chunk: Any) -> None:
        if chunk.byte_offset is not None and chunk.byte_offset + chunk.size > file_bytes:
            raise UnsoundError(f"values of {dataset.name} lie behind the end of the file")

    dataset.id.chunk_iter(check)


def _read_attributes(item: Any) -> None:
    for name in item.attrs:
        # References and the like have no meaning here; what matters is that reading them is safe.
        with contextlib.suppress(KeyError, OSError, TypeError):
            item.attrs[name]


def _look_through_classic(path: str) -> None:
    import netCDF4

    with netCDF4.Dataset(path) as file:
        for variable in file.variables.values():
            if variable.ndim <= 1:
                variable[...]


def _walk_grib2(path: str) -> None:
    """Refuse messages whose sections don't add up to their length (WMO FM 92, edition 2).

    ecCodes reads on behind the end of such a message, and what cfgrib then does ends the process.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:  # noqa: PTH123
        start = content.find(b"GRIB")
        while start >= 0 and start + 16 <= len(content):
            length = int.from_bytes(content[start + 8 : start + 16], "big")
            end = start + length
            if content[start + 7] != 2 or content[end - 4 : end] != b"7777" or end > len(content):
                start = content.find(b"GRIB", start + 4)
                continue
            at = start + 16
            while at < end - 4:
                section = int.from_bytes(content[at : at + 4], "big")
                if section < 5 or at + section > end - 4 or not 1 <= content[at + 4] <= 7:
                    raise UnsoundError(f"the sections of the message at byte {start} don't add up")
                at += section
            start = content.find(b"GRIB", end)


def _decode_grib(path: str) -> None:
    import eccodes  # type: ignore[import-untyped]

    _walk_grib2(path)
    kinds: set[tuple[object, ...]] = set()
    with open(path, "rb") as file:  # noqa: PTH123
        while True:
            try:
                message = eccodes.codes_grib_new_from_file(file)
            except eccodes.CodesInternalError:
                # Met again, and said, when the file is opened.
                return
            if message is None:
                return
            _decode_message(message, kinds)
            eccodes.codes_release(message)


def _decode_message(message: int, kinds: set[tuple[object, ...]]) -> None:
    """What cfgrib does to a message; the values of one of each kind are decoded."""
    import eccodes

    try:
        eccodes.codes_set(message, "missingValue", _MISSING)
    except eccodes.CodesInternalError as error:
        # Such a message can't even be released without harm.
        raise UnsoundError(f"a message can't be made ready for decoding: {error}") from error
    found: dict[str, str] = {}
    for name in _KEYS:
        with contextlib.suppress(eccodes.CodesInternalError):
            found[name] = eccodes.codes_get(message, name, str)
    if int(found.get("numberOfDataPoints", "0")) > _MOST_POINTS:
        raise UnsoundError(f"a message claims {found['numberOfDataPoints']} grid points")
    kind = tuple(found.get(name) for name in _KIND_KEYS)
    if kind not in kinds:
        kinds.add(kind)
        for name in ("values", "distinctLatitudes", "distinctLongitudes"):
            with contextlib.suppress(eccodes.CodesInternalError):
                eccodes.codes_get_array(message, name)


if __name__ == "__main__":
    main()
