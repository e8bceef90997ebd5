"""Copies on this machine of files from elsewhere, fetched once and checked."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aurora_dash.data.findings import Finding
from aurora_dash.data.places import Remote
from aurora_dash.data.remote import Told, filesystem, reaching, told_about
from aurora_dash.errors import DataError
from aurora_dash.runs.lock import FolderLock

CACHE_VARIABLE = "AURORA_DASH_CACHE"
_PIECE = 2**20
_REST_BYTES = 4 * 2**20
_WEB = ("http", "https")


def cache_folder() -> Path:
    """The folder of the copies: ``AURORA_DASH_CACHE``, else one in the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return Path(base).expanduser() / "aurora-dash" / "data"


def local_copy(place: Remote) -> tuple[Path, Finding]:
    """A copy of the file on this machine, fetched unless the same version is there already.

    A copy appears under its name only once it is whole: its length, and its MD5 where the server
    tells one, are checked first. What came of a file before the connection broke, or the process
    was killed, is kept, and gone on from at once or, where nothing more comes, the next time. If
    somebody else fetches the same version, that is waited for. A copy's size, SHA-256 and origin
    stand in a JSON file beside it. Copies are never removed here. `DataError` if it can't be
    fetched, is not what the server promised or does not fit on the disk.
    """
    told = told_about(place)
    origin = hashlib.sha256(place.url.encode()).hexdigest()[:16]
    target = cache_folder() / f"{origin}-{told.version[:16]}" / place.name
    if _is_whole(target):
        size = target.stat().st_size
        return target, _said(place, f"was read from the copy of {_megabytes(size)} in {target}")
    _require_room(place, told)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The folder {target.parent} for copies can't be made: {error.strerror}.",
            remedy=f"Set {CACHE_VARIABLE} to a folder that can be written.",
        ) from error
    with _alone_in(target.parent):
        # Whoever had the folder until now may have fetched it.
        if not _is_whole(target):
            _bring(place, told, target)
    size = target.stat().st_size
    return target, _said(place, f"was fetched: {_megabytes(size)}, kept in {target}")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder; who dies holding it leaves it free."""
    while (lock := FolderLock.take(folder)) is None:
        pass
    try:
        yield
    finally:
        lock.release()


def _bring(place: Remote, told: Told, target: Path) -> None:
    part = _rest_of(target)
    part.touch()
    pieced = _fetch(place, told, part)
    try:
        if pieced and told_about(place).version != told.version:
            raise DataError(f"{place} was changed while it was fetched.", remedy="Try again.")
        _keep(place, told, part, target)
    finally:
        part.unlink(missing_ok=True)


def _fetch(place: Remote, told: Told, part: Path) -> bool:
    """Bring the file into `part`, which may hold its beginning; whether in several pieces.

    What came stays in `part` if it breaks off.
    """
    if told.num_bytes is None:
        # Nobody could tell whether what is there is the beginning of this.
        part.write_bytes(b"")
    pieced = place.scheme not in _WEB
    while True:
        start = part.stat().st_size
        pieced |= start > 0
        try:
            with reaching(place):
                _fetch_from(place, start, part)
            return pieced
        except DataError:
            if told.num_bytes is None or part.stat().st_size <= start:
                raise


def _fetch_from(place: Remote, start: int, part: Path) -> None:
    files = filesystem(place)
    # The clients of some buckets write a file from several ends at once, so that nobody could tell
    # later what is missing: it is asked for in pieces from the beginning.
    if start or place.scheme not in _WEB:
        try:
            with (
                files.open(place.url, block_size=_REST_BYTES, cache_type="none") as source,
                part.open("ab") as file,
            ):
                source.seek(start)
                while piece := source.read(_REST_BYTES):
                    file.write(piece)
            return
        except ValueError:
            if place.scheme not in _WEB:
                raise
            # The server sends files only whole.
            part.write_bytes(b"")
    files.get_file(place.url, str(part))


def _keep(place: Remote, told: Told, part: Path, target: Path) -> None:
    size = part.stat().st_size
    if told.num_bytes is not None and size != told.num_bytes:
        raise DataError(
            f"{place} was cut off on the way: {size} of {told.num_bytes} bytes came.",
            remedy="Try again.",
        )
    sha256, md5 = _digests(part)
    if told.md5 is not None and md5 != told.md5:
        raise DataError(
            f"{place} was damaged on the way: its MD5 is {md5}, the server says {told.md5}.",
            remedy="Try again.",
        )
    record = {"url": place.url, "version": told.version, "bytes": size, "sha256": sha256}
    note = part.with_suffix(".json")
    note.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    note.replace(_note_of(target))
    part.replace(target)


def _is_whole(target: Path) -> bool:
    try:
        record = json.loads(_note_of(target).read_text(encoding="utf-8"))
        return bool(target.stat().st_size == record["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _rest_of(target: Path) -> Path:
    """Where the beginning of a file waits for the rest of it."""
    return target.with_name(f"{target.name}.part")


def _note_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _digests(path: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sha256.update(piece)
            md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest()


def _require_room(place: Remote, told: Told) -> None:
    folder = cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if told.num_bytes is not None and told.num_bytes > free:
        raise DataError(
            f"{place} has {_megabytes(told.num_bytes)}, but only {_megabytes(free)} are free in "
            f"{folder}.",
            remedy=f"Make room, or set {CACHE_VARIABLE} to a folder on another disk.",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _said(place: Remote, what: str) -> Finding:
    return Finding(severity="info", code="local-copy", message=f"{place} {what}.", where=str(place))
