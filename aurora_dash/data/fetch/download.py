"""A file over HTTP that arrives whole: broken downloads go on where they broke, and are checked."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dash.data.fetch.datastore import Asset
from aurora_dash.data.fetch.pace import Pace, ShouldStop, StoppedError, wait
from aurora_dash.data.fetch.refusals import RETRIABLE
from aurora_dash.data.fetch.state import cannot_write
from aurora_dash.data.formats import FileFormat, detect_format
from aurora_dash.errors import DataError

if TYPE_CHECKING:
    from requests import Response

# What is read of a block when the connection breaks is lost.
_BLOCK_BYTES = 2**14
_WRONG_CONTENT_TRIES = 2
_MULTIHASHES = {"1220": ("sha256", 64), "d50110": ("md5", 32)}
"""Prefixes of the STAC file extension's checksums."""
_DATA_SUFFIXES = (".nc", ".grib", ".grb", ".grib2")


class GoneError(Exception):
    """The store no longer has the file."""


def download(
    asset: Asset,
    part: Path,
    *,
    pace: Pace,
    should_stop: ShouldStop,
    received: Callable[[int], None],
) -> None:
    """Bring `asset` into the file `part`, which may hold the beginning of it.

    `DataError` if it can't be had whole, `GoneError` if the store has it no more, `StoppedError` if
    asked to; what has arrived stays in `part`.
    """
    import requests

    failures, problem = 0, ""
    while failures < pace.tries:
        before = _size(part)
        if before >= asset.num_bytes:
            if before == asset.num_bytes and _is_as_promised(part, asset.checksum):
                return
            problem = "another size or checksum than the store gave"
            part.unlink()
            failures += 1
            if failures > _WRONG_CONTENT_TRIES:
                break
            continue
        try:
            _fetch_rest(asset, part, before, pace, should_stop, received)
        except requests.RequestException as error:
            problem = type(error).__name__
        now = _size(part)
        if now == asset.num_bytes:
            continue
        problem = problem or f"{now:,} of {asset.num_bytes:,} bytes"
        failures = 1 if now > before else failures + 1
        stuck = now == before
        wait(pace.pause_after(failures) if stuck else 0.0, should_stop)
    raise DataError(
        f"{part.name.strip('.')} did not arrive whole: {_size(part):,} of {asset.num_bytes:,} "
        f"bytes ({problem}).",
        remedy="Start the same fetch again; it goes on where this broke off.",
    )


def _fetch_rest(
    asset: Asset,
    part: Path,
    start: int,
    pace: Pace,
    should_stop: ShouldStop,
    received: Callable[[int], None],
) -> None:
    import requests

    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(asset.url, headers=headers, stream=True, timeout=pace.timeout) as response:
        if response.status_code in (403, 404, 410):
            raise GoneError
        if response.status_code in RETRIABLE:
            raise requests.ConnectionError(f"HTTP {response.status_code}")
        if response.status_code not in (200, 206):
            raise DataError(
                f"The download of {part.name.strip('.')} was refused with HTTP "
                f"{response.status_code}.",
                remedy="Start the same fetch again later.",
            )
        arrived = start if _continues(response, start) else 0
        try:
            with part.open("ab" if arrived else "wb") as file:
                for block in response.iter_content(_BLOCK_BYTES):
                    if should_stop():
                        raise StoppedError
                    file.write(block)
                    arrived += len(block)
                    received(arrived)
                file.flush()
                os.fsync(file.fileno())
        except requests.RequestException:
            # A kind of OSError, but nothing of this disk's.
            raise
        except OSError as error:
            raise cannot_write(part, error) from error


def _continues(response: Response, start: int) -> bool:
    """Whether the answer is the rest that was asked for, and not the whole file once more."""
    given = response.headers.get("Content-Range", "")
    return response.status_code == 206 and given.startswith(f"bytes {start}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_as_promised(path: Path, checksum: str) -> bool:
    """Whether the content has the checksum, where that says which digest it is.

    Understood are ``md5:...``, ``sha256:...`` and STAC's multihashes; a bare number may be a digest
    of anything, so that size alone counts then.
    """
    name, _, digest = checksum.lower().rpartition(":")
    for prefix, (known, length) in _MULTIHASHES.items():
        if not name and len(digest) == len(prefix) + length and digest.startswith(prefix):
            name, digest = known, digest.removeprefix(prefix)
    if name not in ("md5", "sha256"):
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest() == digest


def unpack(part: Path, folder: Path, stem: str) -> list[Path]:
    """Give a whole download its name or, of a ZIP archive, its members theirs.

    `DataError` if it is neither data nor an archive, or one that is damaged or holds no data.
    """
    if not zipfile.is_zipfile(part):
        return [_named(part, folder, stem)]
    try:
        with zipfile.ZipFile(part) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(_DATA_SUFFIXES)]
            files = [_extract(archive, member, folder, stem, members) for member in members]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        part.unlink()
        raise DataError(
            f"The archive that came for {stem} is damaged: {error}.",
            remedy="Start the same fetch again.",
        ) from error
    if not files:
        raise DataError(f"The archive that came for {stem} holds no NetCDF or GRIB file.")
    part.unlink()
    return files


def _named(part: Path, folder: Path, stem: str) -> Path:
    try:
        suffix = ".grib" if detect_format(part) is FileFormat.GRIB else ".nc"
    except DataError:
        part.unlink()
        raise
    return part.replace(folder / f"{stem}{suffix}")


def _extract(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    folder: Path,
    stem: str,
    members: list[zipfile.ZipInfo],
) -> Path:
    """A member under the piece's name, whatever path the archive gives it."""
    inner = Path(member.filename)
    number = "" if len(members) == 1 else f"_{members.index(member) + 1}"
    target = folder / f"{stem}{number}{inner.suffix}"
    beside = folder / f".{target.name}.part"
    with archive.open(member) as source, beside.open("wb") as file:
        while block := source.read(_BLOCK_BYTES):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    return target
