"""What is minimised, how weights are changed, how long and how often to look."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from aurora_dash.spec.base import (
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SpecModel,
    StringTuple,
)


class LossSpec(SpecModel):
    """What is minimised: the paper's weighted mean absolute error on normalised values."""

    kind: Literal["mae"] = "mae"
    targets: StringTuple = ()
    """Names of the predicted variables that count; empty: all."""
    weights: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Weight by variable name; 1 where not given."""
    surface_weight: NonNegativeFloat = 0.25
    atmospheric_weight: NonNegativeFloat = 1.0
    gamma: PositiveFloat = 1.0
    """Factor of the data set in the paper: 2 for ERA5, 1.5 for GFS, else 1."""


class OptimiserSpec(SpecModel):
    """How weights are changed: AdamW with two learning rates and a schedule."""

    lr: PositiveFloat = 1e-4
    """Peak learning rate of the weights that came with the checkpoint."""
    lr_new: PositiveFloat = 1e-3
    """Peak learning rate of new patch embeddings and heads."""
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 10
    final_lr_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Where a falling schedule ends, as a fraction of the peak."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest gradient norm; larger ones are scaled down. None: no clipping."""


class TrainingSpec(SpecModel):
    """How long, on what and how often to look."""

    steps: PositiveInt | None = None
    epochs: PositiveInt | None = None
    """Exactly one of `steps` and `epochs`; with neither, 200 steps."""
    batch_size: PositiveInt = 1
    seed: int = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    threads: PositiveInt | None = None
    """CPU threads; None: one fewer than the cores, at least one."""
    deterministic: bool = False
    """Let torch use deterministic algorithms alone, so that a GPU too repeats a run digit by digit;
    slower, and an operation without such an algorithm ends the run. A CPU does so anyway."""
    validate_every: PositiveInt = 25
    checkpoint_every: PositiveInt = 50
    keep_checkpoints: PositiveInt = 3
    """How many of the newest checkpoints to keep beside the best."""

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
