"""The one call by which every launcher trains a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aurora_dash.runs.store import Run

LOADING = "PyTorch to be loaded"
"""What a run waits for before the engine says what it does."""


class TrainFunction(Protocol):
    """The training engine, or what stands in for it in a test."""

    def __call__(self, run: Run, *, should_stop: Callable[[], bool]) -> object:
        """Train until the end, or until `should_stop` says so."""


def engine(run: Run, *, should_stop: Callable[[], bool]) -> object:
    """The training engine; imported now, since it brings torch.

    Does nothing if a stop was asked for while that took its ten seconds.
    """
    from aurora_dash.training.engine import train

    return None if should_stop() else train(run, should_stop=should_stop)
