"""Which signs of trouble a training watches for, how soon it speaks, and what it does then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from aurora_dash.spec.base import NonNegativeFloat, PositiveInt, SpecModel

Fraction = Annotated[float, Field(gt=0, lt=1)]
Factor = Annotated[float, Field(gt=1, allow_inf_nan=False)]
Window = Annotated[int, Field(ge=10, le=10_000)]


class RuleSpec(SpecModel):
    """What all rules have."""

    action: Literal["off", "alert", "stop"] = "alert"
    """``alert`` writes an alert and trains on; ``stop`` also saves a checkpoint and ends the run
    as failed, with the alert as its reason."""


class ExplodingGradientRule(RuleSpec):
    """The gradient norm, before clipping, is far above where it used to be."""

    factor: Factor = 10.0
    """How many times its calmest level."""
    window: Window = 50
    """Steps over which a level is taken."""


class LossSpikeRule(RuleSpec):
    """The training loss jumps out of its own scatter."""

    factor: Factor = 2.0
    """How many times the median of the window."""
    deviations: Annotated[float, Field(ge=3, allow_inf_nan=False)] = 8.0
    """Also how many robust standard deviations (1.4826 MAD) above it."""
    window: Window = 50


class PlateauRule(RuleSpec):
    """The training loss has stopped to fall though the learning rate is still high."""

    window: Window = 500
    """Steps; the second half is compared with the first."""
    improvement: Fraction = 0.01
    """Least fraction by which the median of the second half must be lower."""


class OverfittingRule(RuleSpec):
    """The validation loss rises while the training loss falls."""

    rise: Fraction = 0.05
    """By what fraction of the best the validation loss must have risen."""
    validations: Annotated[int, Field(ge=2, le=100)] = 3
    """In that many validations in a row."""


class DeadVariableRule(RuleSpec):
    """A new variable gets no gradient, or its loss does not fall while the others' does."""

    steps: Window = 150
    """Steps after which a loss must have fallen."""
    improvement: Fraction = 0.02
    """By what fraction of its first level."""


class ThroughputRule(RuleSpec):
    """Steps, waiting for data left out, have become slow."""

    factor: Factor = 3.0
    """How many times the fastest level."""
    window: Window = 20


class DataWaitRule(RuleSpec):
    """The training waits for data most of the time."""

    share: Fraction = 0.5
    """Of the time of the last `window` steps."""
    window: Window = 30


class MemoryRule(RuleSpec):
    """The memory of the device, or of the machine, is nearly used up."""

    share: Fraction = 0.93


class DiskRule(RuleSpec):
    """The disk of the run's folder is nearly full."""

    free_gib: NonNegativeFloat = 2.0
    """Least room in GiB; room for two more checkpoints is wanted in any case."""


class HealthSpec(SpecModel):
    """One section a rule. A loss or gradient that is not finite always ends a run."""

    exploding_gradient: ExplodingGradientRule = ExplodingGradientRule()
    loss_spike: LossSpikeRule = LossSpikeRule()
    plateau: PlateauRule = PlateauRule()
    overfitting: OverfittingRule = OverfittingRule()
    dead_variable: DeadVariableRule = DeadVariableRule()
    throughput: ThroughputRule = ThroughputRule()
    data_wait: DataWaitRule = DataWaitRule()
    memory: MemoryRule = MemoryRule()
    disk: DiskRule = DiskRule()
    calm_steps: PositiveInt = 20
    """An alert is over after that many steps without its sign."""

    def rules(self) -> Iterator[tuple[str, RuleSpec]]:
        """Names and settings of all rules, in their fixed order."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, RuleSpec):
                yield name, value
