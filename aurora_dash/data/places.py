"""Where data is: a path on this machine, or an address elsewhere."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from pathlib import Path

_STORE_FILES = ("zarr.json", ".zmetadata", ".zgroup")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file or a Zarr store at an address; `str` of it is the address, which holds no secret."""

    url: str
    is_store: bool = False
    """A Zarr store, read chunk by chunk; otherwise a file, read from a copy on this machine."""
    public_only: bool = False
    """Nothing but addresses of the public internet may be connected to (for http and https)."""

    def __str__(self) -> str:
        return self.url

    @property
    def scheme(self) -> str:
        """Such as ``s3``."""
        return self.url.split("://")[0].lower()

    @property
    def name(self) -> str:
        """The last part of the address."""
        return posixpath.basename(self.url.rstrip("/"))

    @property
    def suffix(self) -> str:
        """Such as ``.nc``."""
        return posixpath.splitext(self.name)[1]


Place = Path | Remote


def is_zarr_store(path: Path) -> bool:
    """Whether a folder is the root of a Zarr group, version 2 or 3."""
    return any((path / name).is_file() for name in _STORE_FILES)


def stamp_of(place: Place) -> tuple[str, str]:
    """The place, and a text that changes when its content does; nothing of the content is read.

    Of a file time and size; of a Zarr store on this machine those of its metadata and of the
    folders of its arrays (a chunk written in place, without a new file, goes unseen); elsewhere
    the entity tag, or what else the server tells. `PathError` if the place can't be reached.
    """
    if isinstance(place, Remote):
        from aurora_dash.data.remote import told_about

        return str(place), told_about(place).version
    if place.is_dir():
        return str(place), _store_stamp(place)
    status = place.stat()
    return str(place), f"{status.st_mtime_ns}-{status.st_size}"


def _store_stamp(folder: Path) -> str:
    digest = hashlib.sha256()
    for entry in sorted([folder, *folder.iterdir(), *folder.glob("*/*")]):
        # Chunks of the second version lie beside the metadata: their folder's time stands for them.
        if entry.is_dir() or entry.name.startswith(".z") or entry.name == "zarr.json":
            status = entry.stat()
            digest.update(f"{entry}-{status.st_mtime_ns}-{status.st_size}\n".encode())
    return digest.hexdigest()
