"""The one pass that writes a training store: fields, their moments, and what it all came from.

Each field is a file that is written beside and renamed; a time counts once its record is in the
ledger. So a kill at any moment loses the times in work and nothing else, and the next preparation
goes on where this one was.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.data.reading import Values, read_values
from aurora_dash.data.statistics import Moments
from aurora_dash.data.store.codec import encode
from aurora_dash.data.store.layout import OWN_FOLDER, Layout, chunk_path, static_path, zarr_files
from aurora_dash.data.store.ledger import (
    Ledger,
    StepResult,
    read_records,
    times_of,
    valid_slots,
)
from aurora_dash.data.store.manifest import MANIFEST_FILE, Manifest, manifest_bytes
from aurora_dash.data.store.slots import Assignment, assign
from aurora_dash.data.times import Times
from aurora_dash.data.workers import Workers
from aurora_dash.errors import DataError

_BLOCK_BYTES = 96 * 2**20
_MOST_WORKERS = 4

Transform = Callable[[Values], np.ndarray]


@dataclass(frozen=True)
class Progress:
    """How far a preparation is."""

    done: int
    """Times written, of those that had to be."""
    total: int
    bytes_done: int
    """Of fields, as they are in memory."""
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first time is written."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a pass did."""

    num_written: int
    num_kept: int
    num_removed: int
    whole: bool
    """False if it was stopped before its end."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be written: a canonical data set as a store with this manifest."""

    dataset: xr.Dataset
    folder: Path
    layout: Layout
    manifest: Manifest
    """As it is to be in the end; `complete` is set here."""
    sources: Sequence[str]
    """Of each time of the data set, as `step_sources` gives them."""
    transforms: dict[str, Transform]
    """By key, for variables whose moments are not those of the values themselves."""

    @property
    def times(self) -> Times:
        """Of the data set."""
        times: Times = self.dataset["time"].values.astype("datetime64[ns]")
        return times

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.folder / OWN_FOLDER / MANIFEST_FILE


def write_store(
    work: Work,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Written:
    """Bring a store up to date with its sources; only what changed is read and written.

    `DataError` for a source that can't be read or a disk that can't be written.
    """
    held = _held(work, read_records(work.folder, work.layout))
    wanted = [
        (int(t), source) for t, source in zip(work.times.astype("i8"), work.sources, strict=True)
    ]
    plan = assign(wanted, held)
    result = Written(
        num_written=len(plan.pending),
        num_kept=plan.num_kept,
        num_removed=len(held.keys() - set(range(len(plan.order)))),
        whole=True,
    )
    try:
        _put_manifest(work, complete=False)
        _write_frame(work, plan)
        done = _write_pending(work, plan, progress, should_stop)
        if done == len(plan.pending):
            _remove_beyond(work, len(plan.order))
            _put_manifest(work, complete=True)
            return result
    except OSError as error:
        raise _cannot_write(work.folder, error) from error
    return Written(num_written=done, num_kept=plan.num_kept, num_removed=0, whole=False)


def is_up_to_date(work: Work) -> bool:
    """Whether nothing is to be done: every time is there, whole, from the same source."""
    held = _held(work, read_records(work.folder, work.layout))
    wanted = {(int(t), s) for t, s in zip(work.times.astype("i8"), work.sources, strict=True)}
    return len(held) == len(wanted) and set(held.values()) == wanted


def statics_digest(dataset: xr.Dataset, keys: Sequence[str]) -> str:
    """Changes when the values of a static variable do."""
    digest = hashlib.sha256()
    for key in keys:
        digest.update(key.encode() + read_values(dataset[key]).tobytes())
    return digest.hexdigest()


def write_file(path: Path, content: bytes) -> None:
    """Replace a file as a whole."""
    beside = path.with_name(f".{path.name}.{threading.get_ident()}.tmp")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _held(work: Work, records: np.ndarray) -> dict[int, tuple[int, str]]:
    """Time and source of every slot that is whole: its record and all its files."""
    times = times_of(records).astype("i8")
    held = {}
    for slot in np.flatnonzero(valid_slots(records)).tolist():
        sizes = records[slot]["sizes"].tolist()
        paths = (chunk_path(work.folder, work.layout, key, slot) for key in work.layout.moving)
        if all(_size(path) == size for path, size in zip(paths, sizes, strict=True)):
            held[slot] = int(times[slot]), records[slot]["source"].decode()
    return held


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _put_manifest(work: Work, *, complete: bool) -> None:
    work.manifest_path.parent.mkdir(parents=True, exist_ok=True)
    manifest = work.manifest.model_copy(update={"complete": complete})
    write_file(work.manifest_path, manifest_bytes(manifest))


def _write_frame(work: Work, plan: Assignment) -> None:
    """Metadata, coordinates and static fields."""
    times = work.times[list(plan.order)]
    attributes = {
        "title": "Training store of Aurora Dash",
        "attribution": work.manifest.provenance.attribution,
        **({"synthetic": 1} if work.layout.synthetic else {}),
    }
    for name, content in zarr_files(work.layout, times, attributes):
        path = work.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
    for key in work.layout.static:
        write_file(
            static_path(work.folder, key), encode(read_values(work.dataset[key]), work.layout.codec)
        )


def _write_pending(
    work: Work,
    plan: Assignment,
    progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> int:
    """Write what is missing; the number of times written, fewer than planned if stopped."""
    ledger, begin, done = Ledger(work.folder, work.layout), time.monotonic(), 0
    step_bytes = work.layout.step_bytes()

    def tell() -> None:
        seconds = time.monotonic() - begin
        progress(Progress(done, len(plan.pending), done * step_bytes, seconds))

    try:
        # What lies there from earlier counts no longer, however far this pass gets.
        for slot, _ in plan.pending:
            ledger.forget(slot)
        tell()
        with Workers(min(_MOST_WORKERS, os.cpu_count() or 1), name="prepare") as workers:
            for block in _blocks(work, plan.pending):
                if should_stop():
                    break
                results = _write_block(work, block, workers)
                for (slot, index), result in zip(block, results, strict=True):
                    ledger.write(slot, work.times[index], work.sources[index], result)
                done += len(block)
                tell()
    finally:
        ledger.close()
    return done


def _blocks(work: Work, pending: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    """Times that are read together: as they lie together in the files, and bounded in size."""
    largest = max(4 * int(np.prod(work.layout.step_shape(key))) for key in work.layout.moving)
    num = max(1, _BLOCK_BYTES // largest)
    chunks = max(
        (work.dataset[key].chunksizes.get("time", ()) for key in work.layout.moving),
        key=lambda sizes: max(sizes, default=0),
    )
    ends = np.cumsum(chunks)
    for _, group in groupby(pending, key=lambda pair: np.searchsorted(ends, pair[1], "right")):
        together = list(group)
        for start in range(0, len(together), num):
            yield together[start : start + num]


def _write_block(
    work: Work, block: Sequence[tuple[int, int]], workers: Workers
) -> list[StepResult]:
    results = [StepResult(sizes={}, moments={}) for _ in block]
    indices = [index for _, index in block]
    for key in work.layout.moving:
        values = read_values(work.dataset[key].isel(time=indices))
        workers.run(
            partial(_write_field, work, key, slot, values[position], results[position])
            for position, (slot, _) in enumerate(block)
        )
    return results


def _write_field(work: Work, key: str, slot: int, values: Values, result: StepResult) -> None:
    content = encode(values, work.layout.codec)
    write_file(chunk_path(work.folder, work.layout, key, slot), content)
    transform = work.transforms.get(key)
    names = work.layout.statistics_keys(key)
    fields = values.reshape(len(names), -1)
    found = {
        name: Moments.of(field if transform is None else transform(field))
        for name, field in zip(names, fields, strict=True)
    }
    # Every key is a thread's own: nobody else writes it.
    result.sizes[key] = len(content)
    result.moments.update(found)


def _remove_beyond(work: Work, num_slots: int) -> None:
    """Fields and records of times that are no longer wanted, and what a kill left behind."""
    ledger = Ledger(work.folder, work.layout)
    ledger.cut(num_slots)
    ledger.close()
    for key in work.layout.moving:
        for path in (work.folder / key).iterdir():
            parts = path.name.split(".")
            if parts[-1] == "tmp" or (parts[0] == "c" and int(parts[1]) >= num_slots):
                path.unlink()


def _cannot_write(folder: Path, error: OSError) -> DataError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "Free some disk space" if full else "Check the disk and the folder's permissions"
    return DataError(
        f"The training store {folder} can't be written: {error.strerror or error}.",
        remedy=f"{remedy}, then prepare again: it goes on where it stopped.",
    )
