"""Saving a run's checkpoints: whole or not at all, with pointers to the best and the last.

`aurora_dash.model.saved` describes the layout and reads it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aurora_dash.errors import CheckpointError
from aurora_dash.model.saved import (
    CheckpointMeta,
    checkpoint_name,
    find_checkpoint,
    list_checkpoints,
    read_meta,
    read_optimiser,
    read_part,
    read_weights,
    step_of,
)
from aurora_dash.model.weights import StateDict
from aurora_dash.runs.files import cannot_write, sync_folder, write_atomic
from aurora_dash.runs.store import Run
from aurora_dash.training.snapshot import Snapshot, write_snapshot

_MOVED_AWAY = ".old"
_LEFT_OVER = re.compile(r"\.step-\d+\.((\d+|parts)\.tmp|old|removed)")


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

    def __init__(self, run: Run, *, keep: int = 3, keep_every: int | None = None) -> None:
        self.folder = run.checkpoints_folder
        self._keep = keep
        self._keep_every = keep_every

    def save(self, snapshot: Snapshot, *, best: bool = False, parts: Path | None = None) -> Path:
        """Write a checkpoint, point ``last`` (and ``best``) at it and drop old ones.

        `parts` is a folder of files that belong to it and are on disk already; it is used up.

        It is written beside and renamed when complete and on disk, so that a crash leaves either
        the checkpoint or nothing of that name. `RunError` if it can't be written.
        """
        name = checkpoint_name(snapshot.step)
        beside = self.folder / f".{name}.{os.getpid()}.tmp"
        try:
            write_snapshot(beside, snapshot, parts)
            _replace_folder(beside, self.folder / name)
        except OSError as error:
            raise cannot_write(self.folder / name, error) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        for pointer in ("last", "best") if best else ("last",):
            write_atomic(self.folder / pointer, name + "\n", durable=True)
        self._prune()
        return self.folder / name

    def parts_folder(self, step: int) -> Path:
        """Where processes write their parts of a checkpoint before it is saved."""
        return self.folder / f".{checkpoint_name(step)}.parts.tmp"

    def mark_best(self, step: int) -> None:
        """Point ``best`` at the checkpoint of a step, if that is still kept."""
        name = checkpoint_name(step)
        if name in (path.name for path in list_checkpoints(self.folder)):
            write_atomic(self.folder / "best", name + "\n", durable=True)

    def load(self, name: str = "last") -> Restored:
        """A checkpoint by name; `CheckpointError` if it is missing or damaged."""
        return _read(find_checkpoint(self.folder, name))

    def tidy(self) -> None:
        """Clear what an owner left that died while it saved, before anything is loaded.

        A checkpoint that was moved away for its successor, which never came, moves back.
        """
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if not _LEFT_OVER.fullmatch(path.name):
                continue
            final = self.folder / path.name.split(".")[1]
            if path.name.endswith(_MOVED_AWAY) and not final.exists():
                path.rename(final)
            else:
                shutil.rmtree(path, ignore_errors=True)

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
                warn(f"{error.message} Going back to the checkpoint before it.")
        if problem is not None:
            raise problem
        return None

    def _prune(self) -> None:
        """Keep the newest few, each of `keep_every` steps, and what the pointers name."""
        checkpoints = list_checkpoints(self.folder)
        kept = {path.name for path in checkpoints[-self._keep :]}
        if self._keep_every is not None:
            kept |= {path.name for path in checkpoints if step_of(path) % self._keep_every == 0}
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


def _replace_folder(new: Path, final: Path) -> None:
    """Put a folder in its place; one of that name is moved away first, then removed."""
    old = final.with_name(f".{final.name}{_MOVED_AWAY}")
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
