"""How weights are changed: the optimiser, its rates and their schedule, and what tames a step."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aurora_dash.spec.base import NonNegativeFloat, PositiveFloat, PositiveInt, SpecModel
from aurora_dash.spec.trainable import GroupName

OptimiserKind = Literal["adamw", "adamw8bit", "adafactor"]
Clipping = Literal["norm", "value", "adaptive"]


class OptimiserSpec(SpecModel):
    """How weights are changed: an optimiser with learning rates by group and a schedule."""

    kind: OptimiserKind = "adamw"
    """``adamw``; ``adamw8bit``, the same with moments of 8 bits (needs torchao; slow on a CPU);
    ``adafactor``, which keeps a row and a column instead of a second moment."""
    lr: PositiveFloat = 1e-4
    """Peak learning rate of the weights that came with the checkpoint."""
    lr_new: PositiveFloat = 1e-3
    """Peak learning rate of new patch embeddings and heads."""
    lr_groups: dict[GroupName, PositiveFloat] = Field(default_factory=dict)
    """Peak learning rates by group of parameters, in place of the two above."""
    weight_decay: NonNegativeFloat = 0.0
    decay_groups: dict[GroupName, NonNegativeFloat] = Field(default_factory=dict)
    """Weight decay by group of parameters, in place of `weight_decay`."""
    decay_biases_and_norms: bool = True
    """Whether weight decay pulls biases and the scales of normalisations too: all that has fewer
    than two dimensions."""
    schedule: Literal["constant", "cosine", "linear", "step"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 10
    final_lr_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Where a falling schedule ends, as a fraction of the peak; below it ``step`` never falls."""
    step_every: PositiveInt = 1000
    """For ``step``: after how many steps the rates are multiplied by `step_factor`."""
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    clip_by: Clipping = "norm"
    """What is limited: ``norm``, the gradient's norm (`clip_norm`); ``value``, every single value
    (`clip_value`); ``adaptive``, the gradient of each row of weights against the row itself
    (`clip_factor`; Brock et al. 2021)."""
    clip_norm: PositiveFloat | None = 1.0
    """Largest gradient norm; larger ones are scaled down. None: no clipping."""
    clip_value: PositiveFloat = 1.0
    clip_factor: PositiveFloat = 0.01
    offload: bool = False
    """Keep moments, the weights they belong to and their average in the host's memory, and take the
    step there while gradients and weights pass from and to the GPU: slower, and 8 bytes a
    parameter less (12 with `model.weights_dtype` ``bfloat16``)."""
    in_backward: bool = False
    """Change each weight within the backward pass, as soon as its gradient is whole, so that the
    gradients are never in memory together: 4 bytes a parameter less (2 in bfloat16). Not with
    clipping by norm or several batches a step, which need all gradients first."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Keep an exponential moving average of the weights, which remembers about the last
    1 / (1 - decay) steps. None: no average."""
    validate_ema: bool = True
    """Validate with the average, if there is one; the best checkpoint is then the best average."""

    @model_validator(mode="after")
    def _clipping_can_be_done_in_the_backward_pass(self) -> Self:
        if self.in_backward and self.clips_by_norm:
            raise ValueError(
                f"in_backward uses each gradient as it comes, but clip_norm = {self.clip_norm:g} "
                "limits the norm of all together; set optimiser.clip_norm to null, or clip_by "
                "to 'value' or 'adaptive'"
            )
        return self

    def refusal(self, accumulate: int) -> str:
        """Why steps of so many batches can't be taken so; empty if they can."""
        if not self.in_backward or accumulate == 1:
            return ""
        return (
            f"training.accumulate = {accumulate} adds up the gradients of several batches, but "
            "optimiser.in_backward uses those of each at once; switch one of them off"
        )

    @property
    def clips_by_norm(self) -> bool:
        """Whether clipping needs all gradients together."""
        return self.clip_by == "norm" and self.clip_norm is not None
