"""Saving a run's checkpoints: whole or not at all, with pointers to the best and the last.

`aurora_dash.model.saved` describes the layout and reads it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.model.saved import (
    META_FILE,
    MODEL_FILE,
    OPTIMISER_FILE,
    CheckpointMeta,
    checkpoint_name,
    file_digest,
    find_checkpoint,
    list_checkpoints,
    part_file,
    read_meta,
    read_optimiser,
    read_part,
    read_weights,
)
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.model.weights import StateDict
from aurora_dash.runs.files import cannot_write, sync_folder, utc_now, write_atomic
from aurora_dash.runs.store import Run

_PACKAGES = ("torch", "microsoft-aurora")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All of a training at one moment; tensors are shared with it, not copied."""

    step: int
    epoch: float
    weights: StateDict
    optimiser: Mapping[str, Any]
    statistics: ModelStatistics
    device: str
    threads: int
    train_loss: float | None = None
    validation_loss: float | None = None
    best_loss: float | None = None
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What else resuming needs, by name: tensors and plain values, as `Stateful` gives them."""


@dataclass(frozen=True)
class Restored:
    """What a checkpoint holds, verified."""

    path: Path
    meta: CheckpointMeta
    weights: StateDict
    optimiser: dict[str, Any]
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Empty for what older versions saved."""


class CheckpointStore:
    """The checkpoints of one run. Only the run's owner may save."""

    def __init__(self, run: Run, *, keep: int = 3) -> None:
        self.folder = run.checkpoints_folder
        self._keep = keep

    def save(self, snapshot: Snapshot, *, best: bool = False) -> Path:
        """Write a checkpoint, point ``last`` (and ``best``) at it and drop old ones.

        It is written beside and renamed when complete and on disk, so that a crash leaves either
        the checkpoint or nothing of that name. `RunError` or `CheckpointError` if the disk is
        full.
        """
        name = checkpoint_name(snapshot.step)
        beside = self.folder / f".{name}.{os.getpid()}.tmp"
        try:
            _write_whole(beside, snapshot)
            _replace_folder(beside, self.folder / name)
        except OSError as error:
            raise cannot_write(self.folder / name, error) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        for pointer in ("last", "best") if best else ("last",):
            write_atomic(self.folder / pointer, name + "\n", durable=True)
        self._prune()
        return self.folder / name

    def mark_best(self, path: Path) -> None:
        """Point ``best`` at a checkpoint that exists."""
        write_atomic(self.folder / "best", path.name + "\n", durable=True)

    def load(self, name: str = "last") -> Restored:
        """A checkpoint by name; `CheckpointError` if it is missing or damaged."""
        return _read(find_checkpoint(self.folder, name))

    def load_newest(self, warn: Callable[[str], None]) -> Restored | None:
        """The newest intact checkpoint, for resuming; None if the run never saved one.

        Damaged ones are passed over with a warning; `CheckpointError` if all are damaged.
        """
        problem: CheckpointError | None = None
        for path in reversed(list_checkpoints(self.folder)):
            try:
                return _read(path)
            except CheckpointError as error:
                problem = error
                warn(f"{error.message} Trying an older checkpoint.")
        if problem is not None:
            raise problem
        return None

    def _prune(self) -> None:
        """Keep the newest few, and what the pointers name."""
        checkpoints = list_checkpoints(self.folder)
        kept = {path.name for path in checkpoints[-self._keep :]}
        for pointer in ("best", "last"):
            if (self.folder / pointer).exists():
                kept.add((self.folder / pointer).read_text(encoding="utf-8").strip())
        for path in checkpoints:
            if path.name not in kept:
                _remove(path)


def _read(path: Path) -> Restored:
    meta = read_meta(path)
    parts = {name: read_part(path, name, meta) for name in meta.parts}
    return Restored(path, meta, read_weights(path, meta), read_optimiser(path, meta), parts)


def _write_whole(folder: Path, snapshot: Snapshot) -> None:
    """All files of a checkpoint, on disk when this returns."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = {
        MODEL_FILE: snapshot.weights,
        OPTIMISER_FILE: snapshot.optimiser,
        **{part_file(name): state for name, state in snapshot.parts.items()},
    }
    for name, content in files.items():
        _save(folder / name, content)
    meta = CheckpointMeta(
        step=snapshot.step,
        epoch=snapshot.epoch,
        train_loss=snapshot.train_loss,
        validation_loss=snapshot.validation_loss,
        best_loss=snapshot.best_loss,
        statistics=snapshot.statistics.to_dict(),
        sha256={name: file_digest(folder / name) for name in files},
        created=utc_now().isoformat(timespec="seconds"),
        device=snapshot.device,
        threads=snapshot.threads,
        versions={package: version(package) for package in _PACKAGES},
    )
    write_atomic(folder / META_FILE, meta.model_dump_json(indent=2) + "\n", durable=True)


def _save(path: Path, content: Mapping[str, Any]) -> None:
    try:
        with path.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:
        # Torch's writer reports a full disk this way.
        raise CheckpointError(
            f"Can't write {path}: {str(error).splitlines()[0]}.",
            remedy="Free some disk space, then resume the run.",
        ) from error


def _replace_folder(new: Path, final: Path) -> None:
    """Put a folder in its place; one of that name is moved away first, then removed."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    new.rename(final)
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _remove(path: Path) -> None:
    """Delete a checkpoint; once it is renamed nobody takes what is left for a checkpoint."""
    doomed = path.with_name(f".{path.name}.removed")
    try:
        path.rename(doomed)
    except OSError as error:
        raise cannot_write(path, error) from error
    shutil.rmtree(doomed, ignore_errors=True)
