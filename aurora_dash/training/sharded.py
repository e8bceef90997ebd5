"""Checkpoints of a model whose weights are split over processes: each writes its parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemWriter
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from aurora_dash.errors import AuroraDashError, CheckpointError, DiskFullError
from aurora_dash.model.sharded import MARK
from aurora_dash.runs.files import cannot_write, no_room
from aurora_dash.training.distributed.world import World
from aurora_dash.training.loop import Trainer
from aurora_dash.training.room import Room
from aurora_dash.training.saving import FOR_THE_REST, Saver
from aurora_dash.training.snapshot import Snapshot

Parts = dict[str, Tensor]

_WRITE, _DONE = "write", "done"


class SavesInParts:
    """Checkpoints that all processes write together; training waits until they are on disk.

    On a full disk the run is paused, and all write again once there is room.
    """

    def __init__(self, world: World, saver: Saver, room: Room) -> None:
        """`room` is asked in the first process alone."""
        self._world = world
        self._saver = saver
        self._room = room

    def __call__(self, trainer: Trainer, best: bool) -> None:
        """Save the present state."""
        parts: Parts = {}
        snapshot = _apart(self._saver.snapshot(trainer), parts)
        folder = self._saver.store.parts_folder(trainer.step)
        needed = snapshot.num_bytes + _bytes_of(parts) + FOR_THE_REST

        def write() -> None:
            self._world.by_first(lambda: _make_anew(folder))
            self._write(parts, folder, needed)
            self._world.by_first(lambda: self._saver.save_now(snapshot, best=best, parts=folder))

        if self._world.is_first:
            self._lead(write, needed)
        else:
            self._follow(write)

    def check(self) -> bool:
        """Nothing: writing raises at once what it meets."""
        return False

    def finish(self) -> bool:
        """Nothing: all that was taken is on disk."""
        return False

    def _lead(self, write: Callable[[], None], needed: int) -> None:
        """Have all write, again and again while the disk is full; then let them go on."""

        def write_with_all() -> None:
            self._world.told(_WRITE)
            write()

        try:
            self._room.secure(write_with_all, needed=needed)
        except DiskFullError as error:
            # Training is to stop before there is room: the others wait for a word.
            self._world.told(error)
            self._world.raise_together(error)
        self._world.told(_DONE)

    def _follow(self, write: Callable[[], None]) -> None:
        while True:
            word: str | DiskFullError = self._world.told()
            if isinstance(word, DiskFullError):
                self._world.raise_together(word)
            if word == _DONE:
                return
            try:
                write()
            except DiskFullError:
                # The first process waits for room, and says when to write again.
                continue

    def _write(self, parts: Parts, folder: Path, needed: int) -> None:
        try:
            save(
                dict(parts),
                storage_writer=FileSystemWriter(folder, sync_files=True),
                process_group=self._world.talk,
            )
        except CheckpointException as error:
            # It holds what each process met, and all processes raise it.
            rank, (cause, _) = next(iter(error.failures.items()))
            # Torch's own writer does not always say why it failed.
            is_full = self._world.by_first(lambda: shutil.disk_usage(folder).free < needed)
            # What is there of the parts must not take the room that is waited for.
            self._world.by_first(lambda: shutil.rmtree(folder, ignore_errors=True))
            self._world.raise_together(_problem(f"Process {rank}", folder, cause, is_full))


def _problem(who: str, folder: Path, cause: BaseException, is_full: bool) -> AuroraDashError:
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
    message = f"{who} can't write its part of {folder.name}: {reason}."
    if is_full:
        return no_room(message)
    return CheckpointError(
        message,
        remedy="See that all processes can write to the run's folder; then resume the run.",
    )


def _bytes_of(parts: Parts) -> int:
    """What all parts of all processes take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in parts.values())


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


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
