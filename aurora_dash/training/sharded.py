"""Checkpoints of a model whose weights are split over processes: each writes its parts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from aurora_dash.errors import CheckpointError
from aurora_dash.model.sharded import MARK
from aurora_dash.training.distributed.world import World
from aurora_dash.training.loop import Trainer
from aurora_dash.training.saving import Saver
from aurora_dash.training.snapshot import Snapshot

Parts = dict[str, Tensor]


class SavesInParts:
    """Checkpoints that all processes write together; training waits until they are on disk."""

    def __init__(self, world: World, saver: Saver) -> None:
        self._world = world
        self._saver = saver

    def __call__(self, trainer: Trainer, best: bool) -> None:
        """Save the present state."""
        parts: Parts = {}
        snapshot = _apart(self._saver.snapshot(trainer), parts)
        folder = self._saver.store.parts_folder(trainer.step)
        self._world.by_first(lambda: _make_anew(folder))
        self._write(parts, folder)
        self._world.by_first(lambda: self._saver.save_now(snapshot, best=best, parts=folder))

    def check(self) -> bool:
        """Nothing: writing raises at once what it meets."""
        return False

    def finish(self) -> bool:
        """Nothing: all that was taken is on disk."""
        return False

    def _write(self, parts: Parts, folder: Path) -> None:
        try:
            save(
                dict(parts),
                storage_writer=FileSystemWriter(folder, sync_files=True),
                process_group=self._world.talk,
            )
        except CheckpointException as error:
            # It holds what each process met, and all processes raise it.
            rank, (cause, _) = next(iter(error.failures.items()))
            self._world.raise_together(
                CheckpointError(
                    f"Process {rank} can't write its part of {folder.name}: {cause}.",
                    remedy="See that there is room on the disk, and that all processes can write "
                    "to the run's folder; then resume the run.",
                )
            )


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _apart(snapshot: Snapshot, parts: Parts) -> Snapshot:
    """A snapshot with a mark for each tensor that is split; those join `parts`."""
    return replace(
        snapshot,
        weights=_marked(snapshot.weights, "model", parts),
        optimiser=_marked(snapshot.optimiser, "optimiser", parts),
        parts=_marked(snapshot.parts, "part", parts),
    )


def _marked(value: Any, name: str, parts: Parts) -> Any:
    if isinstance(value, DTensor):
        parts[name] = value.detach()
        return {MARK: name}
    if isinstance(value, Mapping):
        return {key: _marked(inner, f"{name}/{key}", parts) for key, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner, f"{name}/{i}", parts) for i, inner in enumerate(value)]
    return value
