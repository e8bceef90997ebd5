"""Trainings in processes of their own that are killed where a test wants it, and what they leave.

The processes are forked from one that has imported torch already, so that fifty of them don't
import it fifty times.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import torch

from aurora_dash.model.saved import find_checkpoint
from aurora_dash.runs.schema import USAGE_FIELDS
from aurora_dash.runs.store import Run
from aurora_dash.training import checkpoints
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.engine import train
from aurora_dash.training.step import TrainingStep
from aurora_dash.training.validation import Validator

PLACES: dict[str, tuple[Any, str]] = {
    "step": (TrainingStep, "__call__"),
    "save": (checkpoints, "write_snapshot"),
    "validation": (Validator, "_measure"),
}
"""What a training does, as the function that does it."""
# Of the clock and of the machine: these are not the same from run to run.
TIMES = frozenset(
    {
        *("time", "step_seconds", "data_seconds", "save_seconds", "samples_per_second"),
        *("memory_bytes", *(field.name for field in USAGE_FIELDS)),
    }
)
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Death:
    """When a process kills itself."""

    place: str
    """One of `PLACES`, or ``start``: counted from the beginning of the process."""
    count: int
    """At the how-manieth time it gets there."""
    delay: float
    """Seconds after that."""


def forks() -> BaseContext:
    """Processes made by forking this one, or where CUDA forbids that, one with the same imports."""
    if not torch.cuda.is_available():
        return multiprocessing.get_context("fork")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def live(context: BaseContext, run: Run, death: Death | None = None) -> bool:
    """Train a run in a process of its own until it ends or dies; whether it came to its end."""
    process = context.Process(target=_train, args=(run.folder, death))
    process.start()
    process.join(_PATIENCE_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"{run.id} hangs, with {death}")
    assert process.exitcode in (0, -signal.SIGKILL), run.events()[-1]
    return process.exitcode == 0


def _train(folder: Path, death: Death | None) -> None:
    torch.set_num_threads(1)
    if death is not None:
        _arm(death)
    train(Run(folder))


def _arm(death: Death) -> None:
    def die() -> None:
        time.sleep(death.delay)
        os.kill(os.getpid(), signal.SIGKILL)

    fuse = threading.Thread(target=die, daemon=True)
    if death.place == "start":
        fuse.start()
        return
    owner, name = PLACES[death.place]
    original: Callable[..., Any] = getattr(owner, name)
    times = [0]

    def watched(*arguments: Any, **more: Any) -> Any:
        times[0] += 1
        if times[0] == death.count:
            fuse.start()
        return original(*arguments, **more)

    setattr(owner, name, watched)


def differences(one: Run, other: Run) -> list[str]:
    """What differs between the ends of two runs, digit by digit; nothing if one is the other."""
    found = []
    for split in ("train", "validation"):
        names = {*one.metrics().names(split), *other.metrics().names(split)} - TIMES
        for name in sorted(names):
            columns = [run.metrics().column(name, split).tobytes() for run in (one, other)]
            if columns[0] != columns[1]:
                found.append(f"{split} {name}")
    for name in ("best", "last"):
        folders = [find_checkpoint(run.checkpoints_folder, name) for run in (one, other)]
        if folders[0].name != folders[1].name:
            found.append(f"{name} is {folders[0].name} and {folders[1].name}")
            continue
        saved = [CheckpointStore(run).load(name) for run in (one, other)]
        for part in ("weights", "optimiser", "parts"):
            if not _same(getattr(saved[0], part), getattr(saved[1], part)):
                found.append(f"{part} of {name}")
        told = [s.meta.model_dump(exclude={"sha256", "created"}) for s in saved]
        found += [f"{key} of {name}" for key in told[0] if told[0][key] != told[1][key]]
    for field in ("state", "reason", "step", "epoch", "last_loss", "best_loss"):
        if getattr(one.status(), field) != getattr(other.status(), field):
            found.append(field)
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
