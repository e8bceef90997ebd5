"""Which files and Zarr stores an address means: one, those of a folder, those of a pattern."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aurora_dash.data.formats import DATA_SUFFIXES
from aurora_dash.data.places import Remote
from aurora_dash.data.remote import filesystem, reaching, remote_place
from aurora_dash.errors import PathError

_STORE_FILES = (".zmetadata", "zarr.json", ".zgroup")
_WEB = ("http", "https")


def expand_url(text: str, *, guarded: bool) -> list[Remote]:
    """Files and stores at an address; with `guarded` under the rule for pages.

    A folder means the files named as data and the stores (``*.zarr``) directly in it; over http
    that takes a server that lists its folders. `PathError` if there is nothing, `DataError` if
    the server can't be reached.
    """
    place = remote_place(text, guarded=guarded)
    with reaching(place):
        files = filesystem(place)
        if glob.has_magic(_path_of(place.url)):
            return _matches(place, files)
        if place.suffix.lower() in DATA_SUFFIXES:
            files.info(place.url)
            return [place]
        if _is_store(place, files):
            return [replace(place, is_store=True)]
        if _is_folder(place, files):
            return _content(place, files)
    return [place]


def _matches(place: Remote, files: Any) -> list[Remote]:
    found = _places(place, files, files.glob(place.url))
    if not found:
        raise PathError(
            f"The pattern {place.url} matches no data file and no Zarr store.",
            remedy="Check the address; over https patterns need a server that lists its folders.",
        )
    return found


def _content(place: Remote, files: Any) -> list[Remote]:
    found = _places(place, files, files.ls(f"{place.url}/", detail=False))
    if not found:
        raise PathError(
            f"{place.url} is a folder without NetCDF or GRIB files and without Zarr stores.",
            remedy="Give the address of a file or a store.",
        )
    return found


def _places(place: Remote, files: Any, paths: Iterable[str]) -> list[Remote]:
    found = []
    for path in sorted(paths):
        url = path if "://" in path else f"{place.scheme}://{path}"
        one = replace(place, url=url.rstrip("/"))
        if one.suffix.lower() in DATA_SUFFIXES:
            found.append(one)
        elif one.suffix.lower() == ".zarr" and _is_store(one, files):
            found.append(replace(one, is_store=True))
    return found


def _is_store(place: Remote, files: Any) -> bool:
    return any(files.exists(f"{place.url}/{name}") for name in _STORE_FILES)


def _is_folder(place: Remote, files: Any) -> bool:
    told = files.info(f"{place.url}/" if place.scheme in _WEB and not place.suffix else place.url)
    return bool(told.get("type") == "directory" or told.get("mimetype") == "text/html")


def _path_of(url: str) -> str:
    """What follows the host or the bucket, which may be a bracketed IPv6 address."""
    return url.split("://")[1].partition("/")[2]
