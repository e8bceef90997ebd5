"""Which files may be read, and which files a pattern means.

In the dashboard a typed path must stay within the configured roots, after symbolic links are
followed, and a typed address must keep to the rule of `remote_place`; a shell user is already
free to read what the account can read.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from aurora_dash.data.formats import looks_like_data
from aurora_dash.data.places import Place, is_zarr_store
from aurora_dash.errors import PathError
from aurora_dash.spec.urls import is_url

ROOTS_VARIABLE = "AURORA_DASH_ROOTS"


def configured_roots() -> tuple[Path, ...]:
    """Folders that the dashboard may read from.

    Taken from the environment variable ``AURORA_DASH_ROOTS`` (separated as in ``PATH``); without
    it the home folder, the current folder and its parent.
    """
    text = os.environ.get(ROOTS_VARIABLE, "")
    if text.strip(os.pathsep + " "):
        chosen = [Path(part).expanduser() for part in text.split(os.pathsep) if part.strip()]
    else:
        chosen = [Path.home(), Path.cwd(), Path.cwd().parent]
    return tuple(dict.fromkeys(path.resolve() for path in chosen))


def resolve_inside_roots(text: str, roots: Sequence[Path]) -> Path:
    """The absolute path that `text` means, with symbolic links followed.

    Relative paths start at the current folder. `PathError` if the result lies outside all `roots`
    or the text can't be a path. A pattern's wildcards are left as they are.
    """
    path = _absolute(text)
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError) as error:
        raise PathError(f"{text!r} can't be resolved: {error}.") from error
    if not any(resolved.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(str(root) for root in roots) or "none"
        raise PathError(
            f"{text!r} is outside the folders that this dashboard may read ({allowed}).",
            remedy=f"Move the data into one of them, or start the dashboard with {ROOTS_VARIABLE} "
            "set to the folders it may read.",
        )
    return resolved


def expand_paths(
    patterns: Sequence[str | Path],
    *,
    base: Path | None = None,
    roots: Sequence[Path] | None = None,
) -> list[Place]:
    """Files and Zarr stores that `patterns` mean, each once, in the order given.

    A pattern is a file, a folder, a glob or the address of one. Relative paths start at `base`
    (default: the current folder). A folder means the data files and stores directly in it.
    `PathError` names a missing file, an empty folder, a glob without a match and, where `roots`
    are given, anything outside them and addresses that a page must not read.
    """
    if not patterns:
        raise PathError("No data path was given.", remedy="Give files, folders or globs.")
    places: list[Place] = []
    for pattern in patterns:
        if is_url(str(pattern)):
            from aurora_dash.data.listing import expand_url

            places.extend(expand_url(str(pattern), guarded=roots is not None))
        else:
            places.extend(_inside(str(pattern), base or Path.cwd(), roots))
    return list(dict.fromkeys(places))


def _inside(pattern: str, base: Path, roots: Sequence[Path] | None) -> list[Path]:
    if roots is None:
        return _expand(pattern, base)
    resolve_inside_roots(_without_wildcards(pattern, base), roots)
    return [resolve_inside_roots(str(path), roots) for path in _expand(pattern, base)]


def _absolute(text: str) -> Path:
    if not text.strip():
        raise PathError("The path is empty.", remedy="Give a file, a folder or a glob.")
    if "\0" in text:
        raise PathError(f"{text!r} can't be a path: it holds a null character.")
    try:
        return Path(text.strip()).expanduser()
    except RuntimeError as error:
        raise PathError(f"{text!r}: {error}") from error


def _without_wildcards(pattern: str, base: Path) -> str:
    """The part of a pattern that names a place: nobody learns what lies outside the roots."""
    path = base / _absolute(pattern)
    while glob.has_magic(str(path)) and path != path.parent and not path.exists():
        path = path.parent
    return str(path)


def _expand(pattern: str, base: Path) -> list[Path]:
    path = base / _absolute(pattern)
    if path.is_dir():
        return [path] if is_zarr_store(path) else _folder_content(path)
    if path.is_file():
        return [path]
    if path.exists():
        raise PathError(f"{path} is neither a file nor a folder.")
    if glob.has_magic(pattern):
        return _glob_matches(str(path))
    raise PathError(
        f"There is no file {path}.",
        remedy="Check the spelling; a relative path starts at " + str(base) + ".",
    )


def _glob_matches(pattern: str) -> list[Path]:
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    stores = {match for match in matches if match.is_dir() and is_zarr_store(match)}
    # A group within a store, and the files that a store consists of, are parts of it.
    stores = {store for store in stores if stores.isdisjoint(store.parents)}
    places = [
        match
        for match in matches
        if match in stores or (match.is_file() and not _is_part_of_store(match))
    ]
    if not places:
        found = f"only folders: {matches[0]}" if matches else "nothing"
        raise PathError(
            f"The pattern {pattern} matches no file ({found}).",
            remedy="Check the folder, or write ** to look in folders below.",
        )
    return places


def _is_part_of_store(file: Path) -> bool:
    return any(is_zarr_store(folder) for folder in file.parents)


def _folder_content(folder: Path) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise PathError(f"The folder {folder} can't be read: {error.strerror}.") from error
    kept = [e for e in entries if (e.is_file() or e.is_dir()) and looks_like_data(e)]
    if not kept:
        found = ", ".join(entry.name for entry in entries[:5]) or "it is empty"
        raise PathError(
            f"The folder {folder} holds no NetCDF or GRIB file and no Zarr store ({found}).",
            remedy="Choose the folder that holds the files, or write **/*.nc to look below it.",
        )
    return kept
