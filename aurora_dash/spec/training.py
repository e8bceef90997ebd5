"""How long to train, on how much at once, and how often to look."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from aurora_dash.spec.base import NonNegativeFloat, PositiveInt, SpecModel
from aurora_dash.spec.watched import WatchedSpec


class TrainingSpec(SpecModel):
    """How long, on what and how often to look."""

    steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    """Exactly one of `steps` and `epochs`; with neither, 200 steps."""
    batch_size: PositiveInt = 1
    """Samples a batch, whatever the number of processes."""
    accumulate: PositiveInt = 1
    """Batches a step: their gradients are added up before the weights change. With 8, one GPU does
    what 8 GPUs do together, in eight times the time and the same memory. Several processes share
    them (see `distributed`)."""
    seed: int = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    threads: PositiveInt | None = None
    """CPU threads; None: one fewer than the cores, at least one."""
    deterministic: bool = False
    """Let torch use deterministic algorithms alone, so that a GPU too repeats a run digit by digit;
    slower, and an operation without such an algorithm ends the run. A CPU does so anyway."""
    validate_every: PositiveInt = 25
    validation_samples: PositiveInt | None = None
    """Validate with no more samples than these, spread evenly over the period; None: with all."""
    patience: PositiveInt | None = None
    """End after so many validations without improvement; None: train to the end."""
    min_delta: NonNegativeFloat = 0.0
    """By how much `best_metric` must fall to count as an improvement."""
    best_metric: str = "loss"
    """What the best checkpoint is lowest in, and `patience` waits for: a value of the validation
    records, such as ``loss``, ``loss/2t``, ``loss/z/500`` or ``part/<name>/loss``."""
    statistics_every: PositiveInt | None = 10
    """How often weight norms and the size of updates are measured, by group of parameters and by
    new variable; None: never."""
    checkpoint_every: PositiveInt = 50
    keep_checkpoints: PositiveInt = 3
    """How many of the newest checkpoints to keep beside the best."""
    keep_every: PositiveInt | None = None
    """Checkpoints at multiples of so many steps are kept for good, beside those; a multiple of
    `checkpoint_every`. None: none is."""
    watched: WatchedSpec = WatchedSpec()

    @model_validator(mode="before")
    @classmethod
    def _default_length(cls, values: Any) -> Any:
        if (
            isinstance(values, dict)
            and values.get("steps") is None
            and values.get("epochs") is None
        ):
            return {**values, "steps": 200}
        return values

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError(
                f"give either steps ({self.steps}) or epochs ({self.epochs}), not both"
            )
        return self

    @model_validator(mode="after")
    def _what_is_kept_is_saved(self) -> Self:
        if self.keep_every is not None and self.keep_every % self.checkpoint_every:
            raise ValueError(
                f"keep_every ({self.keep_every}) is no multiple of checkpoint_every "
                f"({self.checkpoint_every}): checkpoints are only written at multiples of that"
            )
        return self
