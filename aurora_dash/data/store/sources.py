"""From which files each time of a data set comes, so that a change of one concerns only its times.

A file is told from an earlier content by its size and the time of its last change, one elsewhere by
what its server tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from aurora_dash.data.open import OpenedData
from aurora_dash.data.places import Place, Remote, stamp_of
from aurora_dash.data.store.ledger import SOURCE_CHARACTERS
from aurora_dash.data.store.manifest import SourceFile
from aurora_dash.data.times import Times
from aurora_dash.spec import DataSpec


def source_files(opened: OpenedData, times: Times) -> tuple[SourceFile, ...]:
    """The files of a data set, and for how many of `times` each has fields."""
    return tuple(
        SourceFile(
            place=str(path),
            identity=_identity(path),
            num_times=int(np.isin(times, opened.coverage[path]).sum())
            if path in opened.coverage
            else 0,
        )
        for path in opened.files
    )


def step_sources(opened: OpenedData, data: DataSpec, times: Times) -> list[str]:
    """For each of `times` a short text that changes when a file that has fields for it does."""
    if not opened.files:
        return [_digest([data.demo.model_dump_json()])] * times.size
    files = [path for path in opened.files if opened.coverage.get(path, times[:0]).size]
    names = [f"{path.name} {_identity(path)}" for path in files]
    covers = np.array([np.isin(times, opened.coverage[path]) for path in files], dtype=bool)
    known: dict[bytes, str] = {}
    result = []
    for column in covers.T if files else np.zeros((times.size, 0), bool):
        pattern = column.tobytes()
        if pattern not in known:
            known[pattern] = _digest([n for n, there in zip(names, column, strict=True) if there])
        result.append(known[pattern])
    return result


def _identity(path: Place) -> str:
    if isinstance(path, Remote):
        return stamp_of(path)[1]
    try:
        found = path.stat()
        if not path.is_dir():
            return f"{found.st_size} bytes, changed {found.st_mtime_ns}"
        inner = [file.stat() for file in path.rglob("*") if file.is_file()]
    except OSError:
        return ""
    newest = max((file.st_mtime_ns for file in inner), default=0)
    return f"{len(inner)} files, {sum(f.st_size for f in inner)} bytes, changed {newest}"


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:SOURCE_CHARACTERS]
