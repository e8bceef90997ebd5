"""Forecasts of several steps in training, of several members, and of several lead times."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aurora_dash.spec.base import PositiveFloat, PositiveInt, SpecModel
from aurora_dash.variants import Variant

RolloutKind = Literal["none", "backprop", "pushforward", "replay"]
Stage = tuple[PositiveInt, PositiveInt]

MOST_STEPS = 240
"""Sixty days of six hours."""

# What counts for the replay buffer alone.
_OF_REPLAY = ("buffer_size", "buffer_gib", "refresh_every")


class RolloutSpec(SpecModel):
    """How many steps of its own forecast the model is trained on, and how."""

    kind: RolloutKind = "none"
    """``none``: one step from data. ``backprop``: gradients through all steps, whose losses are
    averaged. ``pushforward``: loss and gradient at the last step alone. ``replay``: one step from
    data or from an earlier forecast, which is kept in a buffer meanwhile."""
    steps: Annotated[int, Field(ge=2, le=MOST_STEPS)] = 2
    """Longest forecast, in steps of the model; does not count for ``none``."""
    curriculum: tuple[Stage, ...] = ()
    """``[[5000, 16]]``: until 5000 updates are done forecasts have at most 16 steps, afterwards
    `steps`. Any number of such pairs, both numbers growing."""
    buffer_size: PositiveInt = 200
    """Batches that wait in the replay buffer; when there is one more, the oldest is dropped."""
    buffer_gib: PositiveFloat = 16.0
    """Most memory that the replay buffer may take, in GiB; a run that would need more is refused
    with the numbers."""
    refresh_every: PositiveInt = 10
    """How often, in steps, ``replay`` begins a new forecast from data."""
    validate_steps: PositiveInt | None = None
    """Steps of the forecasts that are validated; None: `steps`."""
    lead_hours: tuple[PositiveInt, ...] = ()
    """Lead times of which each sample has one, for variants that are told the lead time; empty:
    `data.lead_hours` alone."""
    members: PositiveInt = 1
    """Forecasts a sample of a stochastic variant; more than one are scored by the fair CRPS."""

    @model_validator(mode="after")
    def _curriculum_grows(self) -> Self:
        if self.curriculum and self.kind == "none":
            raise ValueError(
                f"curriculum {self._stages()} needs forecasts of several steps: set kind to "
                "backprop, pushforward or replay"
            )
        stages = (*self.curriculum, (2**62, self.steps))
        for (until, steps), (later, more) in pairwise(stages):
            if later <= until or more < steps:
                raise ValueError(
                    f"curriculum {self._stages()} does not grow towards {self.steps} steps: write "
                    "[until, steps] pairs such as [[5000, 16], [8000, 24]], both numbers growing "
                    "and steps at most rollout.steps"
                )
        return self

    @model_validator(mode="after")
    def _options_go_with_kind(self) -> Self:
        if self.kind != "replay":
            for field in _OF_REPLAY:
                if (value := getattr(self, field)) != type(self).model_fields[field].default:
                    raise ValueError(
                        f"{field} = {value:g} belongs to the replay buffer; kind is {self.kind!r}"
                    )
        if self.kind == "replay" and self.steps_at(0) < 2:
            raise ValueError(
                f"curriculum {self._stages()} begins with one step, after which nothing could wait "
                "in the replay buffer; begin with at least two"
            )
        if self.kind == "replay" and self.members > 1:
            raise ValueError(
                f"members = {self.members} don't go with kind 'replay', which keeps one forecast a "
                "sample; choose backprop or pushforward, or one member"
            )
        if self.validate_steps is not None and self.validate_steps > self.num_targets:
            raise ValueError(
                f"validate_steps = {self.validate_steps} is more than the {self.num_targets} that "
                "samples have targets for; raise rollout.steps or validate fewer"
            )
        return self

    @model_validator(mode="after")
    def _lead_times_are_of_one_step(self) -> Self:
        if not self.lead_hours:
            return self
        leads = ", ".join(str(hours) for hours in self.lead_hours)
        if self.kind != "none":
            raise ValueError(
                f"lead_hours ({leads}) are those of one step, and kind {self.kind!r} takes several "
                "of the model's time step; choose one of the two"
            )
        if len(set(self.lead_hours)) < len(self.lead_hours):
            raise ValueError(f"lead_hours names one twice: {leads}")
        return self

    def _stages(self) -> str:
        return str([list(stage) for stage in self.curriculum])

    @property
    def is_multi_step(self) -> bool:
        """Whether predictions re-enter the model."""
        return self.kind != "none"

    @property
    def num_targets(self) -> int:
        """How many steps of a forecast a sample has targets for."""
        return self.steps if self.is_multi_step else 1

    @property
    def num_validated(self) -> int:
        """Steps of the forecasts that are validated."""
        return self.validate_steps or self.num_targets

    def steps_at(self, step: int) -> int:
        """Longest forecast at 0-based training step `step`."""
        if not self.is_multi_step:
            return 1
        return next((steps for until, steps in self.curriculum if step < until), self.steps)

    def refusal(
        self,
        variant: Variant,
        *,
        lead_hours: int,
        input_only: tuple[str, ...],
        loss: str,
        in_epochs: bool,
    ) -> str:
        """Why this does not go with the rest of a run's spec; empty if it does.

        `lead_hours` are those of the data, `loss` the kind of loss, `in_epochs` whether the length
        of the run is given in epochs.
        """
        if self.lead_hours and not variant.has_variable_lead:
            return (
                f"lead_hours names several lead times, but {variant.title!r} is not told the lead "
                "time of a forecast; choose a V1.5 variant, or one lead time as data.lead_hours"
            )
        if self.members > 1 and variant.id != "v1.5-ensemble":
            return (
                f"members = {self.members} would be the same forecast each: {variant.title!r} has "
                "no noise inside; choose variant v1.5-ensemble, or one member"
            )
        if self.members > 1 and loss != "mae":
            return (
                f"members = {self.members} are scored by the CRPS, which is made of absolute "
                f"errors; set loss.kind to 'mae' (it is {loss!r})"
            )
        return self._refusal_of_steps(variant, lead_hours, input_only, in_epochs)

    def _refusal_of_steps(
        self, variant: Variant, lead_hours: int, input_only: tuple[str, ...], in_epochs: bool
    ) -> str:
        if not self.is_multi_step:
            return ""
        if lead_hours != variant.timestep_hours:
            return (
                f"kind {self.kind!r} needs predictions that can re-enter {variant.title!r}, whose "
                f"inputs are {variant.timestep_hours} h apart; data.lead_hours is {lead_hours}: "
                "leave it empty"
            )
        if input_only:
            return (
                f"kind {self.kind!r} can't go beyond the first step: {', '.join(input_only)} is "
                "given to the model but not predicted; make it predicted too (role 'both')"
            )
        if self.kind == "replay" and in_epochs:
            return (
                "kind 'replay' trains on forecasts more than on samples, so that epochs don't say "
                "how long it takes; give training.steps"
            )
        return ""
