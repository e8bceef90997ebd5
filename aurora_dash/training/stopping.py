"""Ending a run that no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping


class EarlyStopping:
    """Counts validations since the loss last fell by more than `min_delta`."""

    def __init__(self, patience: int, min_delta: float) -> None:
        self._patience = patience
        self._min_delta = min_delta
        self._best = math.inf
        self._best_step = 0
        self._waited = 0

    def add(self, step: int, loss: float) -> None:
        """Take a validation loss in; one that is not finite is no improvement."""
        if loss < self._best - self._min_delta:
            self._best, self._best_step, self._waited = loss, step, 0
        else:
            self._waited += 1

    @property
    def reason(self) -> str:
        """Why the run is to end, in words; empty while it is not."""
        if self._waited < self._patience:
            return ""
        return (
            f"Stopped early: the validation loss has not fallen by more than {self._min_delta:g} "
            f"for {self._waited} validations; it was lowest at step {self._best_step}, "
            f"{self._best:.5g}."
        )

    def state_dict(self) -> dict[str, float]:
        """What a resume needs."""
        return {"best": self._best, "best_step": self._best_step, "waited": self._waited}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Become what `state_dict` said."""
        self._best, self._waited = float(state["best"]), int(state["waited"])
        self._best_step = int(state["best_step"])
