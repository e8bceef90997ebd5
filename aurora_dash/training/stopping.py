"""Which validation was the best, and ending a run that no longer improves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

from aurora_dash.errors import TrainingError
from aurora_dash.spec import TrainingSpec


class Best:
    """The lowest value of one entry of the validation records, and where it was."""

    def __init__(self, metric: str = "loss") -> None:
        self.metric = metric
        self.value: float | None = None
        self.step: int | None = None

    def value_in(self, record: Mapping[str, float]) -> float:
        """The value that counts; `TrainingError` names those there are if it is not measured."""
        if self.metric in record:
            return record[self.metric]
        raise TrainingError(
            f"training.best_metric is {self.metric!r}, which validation does not measure; it "
            f"measures {', '.join(sorted(record))}.",
            remedy="Choose one of those.",
        )

    def add(self, step: int, value: float) -> bool:
        """Take a validation in; whether it is the best so far."""
        is_best = value < (math.inf if self.value is None else self.value)
        if is_best:
            self.value, self.step = value, step
        return is_best


class EarlyStopping:
    """Counts validations since a value, that of `metric`, last fell by more than `min_delta`."""

    def __init__(self, patience: int, min_delta: float, metric: str = "loss") -> None:
        self._patience = patience
        self._min_delta = min_delta
        self._metric = metric
        self._best = math.inf
        self._best_step = 0
        self._waited = 0

    @classmethod
    def of(cls, spec: TrainingSpec) -> Self | None:
        """As a spec asks for; None if it does not."""
        if spec.patience is None:
            return None
        return cls(spec.patience, spec.min_delta, spec.best_metric)

    def add(self, step: int, value: float) -> None:
        """Take a validation's value in; one that is not finite is no improvement."""
        if value < self._best - self._min_delta:
            self._best, self._best_step, self._waited = value, step, 0
        else:
            self._waited += 1

    @property
    def reason(self) -> str:
        """Why the run is to end, in words; empty while it is not."""
        if self._waited < self._patience:
            return ""
        return (
            f"Stopped early: the validation {self._metric} has not fallen by more than "
            f"{self._min_delta:g} "
            f"for {self._waited} validations; it was lowest at step {self._best_step}, "
            f"{self._best:.5g}."
        )

    def state_dict(self) -> dict[str, float | str]:
        """What a resume needs."""
        return {
            "metric": self._metric,
            "best": self._best,
            "best_step": self._best_step,
            "waited": self._waited,
        }

    def load_state_dict(self, state: Mapping[str, float | str]) -> None:
        """Become what `state_dict` said; with another metric than that was of, begin anew."""
        if state.get("metric", "loss") != self._metric:
            return
        self._best, self._waited = float(state["best"]), int(state["waited"])
        self._best_step = int(state["best_step"])
