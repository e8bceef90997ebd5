"""Which files may be read, and which files a pattern means.

In the dashboard a typed path must stay within the configured roots, after symbolic links are
followed; a shell user is already free to read what the account can read.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from aurora_dash.data.formats import looks_like_data
from aurora_dash.errors import PathError

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
) -> list[Path]:
    """Files that `patterns` (files, folders, globs) mean, each once, in the order given.

    Relative patterns start at `base` (default: the current folder). A folder means the data files
    directly in it. `PathError` names a missing file, an empty folder, a glob without a match and,
    where `roots` are given, anything outside them.
    """
    if not patterns:
        raise PathError("No data path was given.", remedy="Give files, folders or globs.")
    files: list[Path] = []
    for pattern in patterns:
        if roots is not None:
            resolve_inside_roots(_without_wildcards(str(pattern), base or Path.cwd()), roots)
        expanded = _expand(str(pattern), base or Path.cwd())
        if roots is not None:
            expanded = [resolve_inside_roots(str(path), roots) for path in expanded]
        files.extend(expanded)
    return list(dict.fromkeys(files))


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
        return _folder_content(path)
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
    files = [match for match in matches if match.is_file()]
    if not files:
        found = f"only folders: {matches[0]}" if matches else "nothing"
        raise PathError(
            f"The pattern {pattern} matches no file ({found}).",
            remedy="Check the folder, or write ** to look in folders below.",
        )
    return files


def _folder_content(folder: Path) -> list[Path]:
    if (folder / ".zgroup").exists() or (folder / "zarr.json").exists():
        raise PathError(
            f"{folder} is a Zarr store, which can't be read yet.",
            remedy="Write the times you need to NetCDF with xarray's to_netcdf.",
        )
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise PathError(f"The folder {folder} can't be read: {error.strerror}.") from error
    files = [entry for entry in entries if entry.is_file() and looks_like_data(entry)]
    if not files:
        found = ", ".join(entry.name for entry in entries[:5]) or "it is empty"
        raise PathError(
            f"The folder {folder} holds no NetCDF or GRIB file ({found}).",
            remedy="Choose the folder that holds the files, or write **/*.nc to look below it.",
        )
    return files
