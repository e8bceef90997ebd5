"""`RunSpec`: everything about one fine-tuning run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aurora_dash.spec import best_metric, watched
from aurora_dash.spec.base import SpecModel
from aurora_dash.spec.data import DataSpec
from aurora_dash.spec.distributed import DistributedSpec
from aurora_dash.spec.health import HealthSpec
from aurora_dash.spec.loader import LoaderSpec
from aurora_dash.spec.loss import LossSpec
from aurora_dash.spec.model import ModelSpec
from aurora_dash.spec.optimiser import OptimiserSpec
from aurora_dash.spec.overrides import apply_override, refuse_two_lengths
from aurora_dash.spec.rollout import RolloutSpec
from aurora_dash.spec.trainable import TrainableSpec
from aurora_dash.spec.training import TrainingSpec
from aurora_dash.spec.variable import VariableSpec
from aurora_dash.variables import Group, describe

SCHEMA_VERSION = 1

# Aurora's `lora_steps`: its LoRA does not act after so many steps of a forecast.
_LORA_STEPS = 40

# Surface and static names share one table in Aurora; surface and atmospheric names share the
# names of predictions here. Only static and atmospheric names may coincide, as ``z`` does.
_CLASHING_GROUPS = {
    Group.SURFACE: (Group.SURFACE, Group.STATIC, Group.ATMOSPHERIC),
    Group.STATIC: (Group.SURFACE, Group.STATIC),
    Group.ATMOSPHERIC: (Group.SURFACE, Group.ATMOSPHERIC),
}


class RunSpec(SpecModel):
    """One fine-tuning run, whole."""

    schema_version: Literal[1] = 1
    """Version of this layout."""
    name: Annotated[str, Field(min_length=1, max_length=80)] = "untitled"
    """What lists and the run's id call it."""
    notes: str = ""
    """Free text, kept with the run and shown on its model card."""
    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    variables: tuple[VariableSpec, ...] = ()
    """New variables, that the model does not know yet."""
    trainable: TrainableSpec = TrainableSpec()
    loss: LossSpec = LossSpec()
    optimiser: OptimiserSpec = OptimiserSpec()
    training: TrainingSpec = TrainingSpec()
    rollout: RolloutSpec = RolloutSpec()
    health: HealthSpec = HealthSpec()
    loader: LoaderSpec = LoaderSpec()
    distributed: DistributedSpec = DistributedSpec()

    @model_validator(mode="after")
    def _variables_are_new_and_unique(self) -> Self:
        variant = self.model.catalogue_entry
        names: dict[Group, list[str]] = {
            Group.SURFACE: list(variant.surface),
            Group.STATIC: list(variant.static),
            Group.ATMOSPHERIC: list(variant.atmospheric),
        }
        for variable in self.variables:
            for group in _CLASHING_GROUPS[variable.group]:
                if variable.name in names[group]:
                    raise ValueError(
                        f"{variable.group} variable {variable.name!r} has the name of one of the "
                        f"model's {group} variables; choose another name"
                    )
            names[variable.group].append(variable.name)
            if variable.name.startswith("scaled_") and variant.class_name.startswith("AuroraV1p5"):
                raise ValueError(
                    f"{variable.name!r}: {variant.title} takes the logarithm of all that is called "
                    "scaled_...; choose another name, and transform 'log' if you want one"
                )
        return self

    @model_validator(mode="after")
    def _crop_fits_the_patches(self) -> Self:
        patch = self.model.catalogue_entry.patch_size
        if self.data.crop and any(size % patch for size in self.data.crop):
            height, width = self.data.crop
            raise ValueError(
                f"data.crop = {height} x {width} is no multiple of the {patch} x {patch} points "
                f"of a patch of {self.model.variant}"
            )
        return self

    @model_validator(mode="after")
    def _copied_variables_exist(self) -> Self:
        for variable in self.variables:
            known = [v.name for v in self.model.catalogue_entry.variables(variable.group)]
            if variable.copy_from is not None and variable.copy_from not in known:
                raise ValueError(
                    f"variable {variable.name!r} can't be copied from {variable.copy_from!r}: the "
                    f"model's own {variable.group} variables are {', '.join(known)}"
                )
        return self

    @model_validator(mode="after")
    def _loss_names_exist(self) -> Self:
        predicted = set(self.predicted_names)
        for field, names in (("targets", self.loss.targets), ("weights", self.loss.weights)):
            for name in names:
                if name not in predicted:
                    raise ValueError(
                        f"loss.{field} names {name!r}, which this model does not predict; "
                        f"it predicts {', '.join(self.predicted_names)}"
                    )
        atmospheric = predicted & set(self.names(Group.ATMOSPHERIC))
        for key in self.loss.level_weights:
            name, slash, _ = key.rpartition("/")
            if slash and name not in atmospheric:
                raise ValueError(
                    f"loss.level_weights names {key!r}, but {name!r} is no atmospheric variable "
                    f"that this model predicts; those are {', '.join(sorted(atmospheric))}"
                )
        return self

    @model_validator(mode="after")
    def _what_is_looked_at_exists(self) -> Self:
        if refusal := best_metric.refusal(self) or watched.refusal(self):
            raise ValueError(f"training.{refusal}")
        return self

    @model_validator(mode="after")
    def _added_parts_fit_the_variables(self) -> Self:
        atmospheric = self.names(Group.ATMOSPHERIC)
        separate, modulated = self.model.separate_perceiver, self.model.modulation_heads
        for name in separate:
            if name not in atmospheric:
                raise ValueError(
                    f"model.separate_perceiver names {name!r}, which is no atmospheric variable of "
                    f"this model; it has {', '.join(atmospheric)}"
                )
        if separate and set(separate) == set(atmospheric):
            raise ValueError(
                "model.separate_perceiver names all atmospheric variables, which leaves the first "
                "Perceiver without any; name only those that behave otherwise"
            )
        new = [v.name for v in self.variables if v.group is not Group.STATIC]
        for name in modulated:
            if name not in new:
                raise ValueError(
                    f"model.modulation_heads names {name!r}, which is no new surface or "
                    "atmospheric variable; the heads of the model's own variables were trained to "
                    f"give the value itself. New here: {', '.join(new) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _trainable_fits_the_variables(self) -> Self:
        refusal = self.trainable.refusal(
            num_new=len(self.variables),
            new_are_untrained=self.model.source in ("random", "hub"),
        )
        if refusal:
            raise ValueError(f"trainable: {refusal}")
        return self

    @model_validator(mode="after")
    def _rollout_fits_the_rest(self) -> Self:
        refusal = (
            self.rollout.refusal(
                self.model.catalogue_entry,
                lead_hours=self.lead_hours,
                input_only=self.input_only,
                loss=self.loss.kind,
                in_epochs=self.training.epochs is not None,
            )
            or self._refusal_of_lora()
            or self._refusal_of_buffer()
        )
        if refusal:
            raise ValueError(f"rollout: {refusal}")
        return self

    @model_validator(mode="after")
    def _steps_can_be_taken_so(self) -> Self:
        refusal = self.optimiser.refusal(self.training.accumulate) or self.distributed.refusal(
            self.model, training=self.training, optimiser=self.optimiser, rollout=self.rollout
        )
        if refusal:
            raise ValueError(refusal)
        return self

    def _refusal_of_buffer(self) -> str:
        several = [name for name in ("mix", "crop") if getattr(self.data, name)]
        if self.rollout.kind == "replay" and several:
            return (
                f"kind 'replay' does not go with data.{several[0]}: forecasts that wait in the "
                "buffer go on from one step to the next, and so need one grid throughout; choose "
                "kind 'backprop', or cut out a data.region"
            )
        return ""

    def _refusal_of_lora(self) -> str:
        steps = self.rollout.num_targets
        if self.trainable.trains_package_lora and not self.model.has_package_lora:
            return (
                "trainable.lora.kind 'package' trains the LoRA of Aurora's own layers, which this "
                "model does not have; set model.use_lora, or choose kind 'attached'"
            )
        if self.trains_from_second_alone and self.rollout.steps_at(0) < 2:
            return (
                "model.lora_mode 'from_second' leaves the first step of a forecast without "
                "anything that is trained, and forecasts have one step; choose a rollout.kind "
                "and a curriculum that begins with two steps"
            )
        if self._trains_package_lora_alone and steps > _LORA_STEPS:
            return (
                f"steps = {steps}: the LoRA of Aurora's own layers, which alone is trained, acts "
                f"in the first {_LORA_STEPS} steps of a forecast; take no more"
            )
        return ""

    @property
    def _trains_package_lora_alone(self) -> bool:
        return self.trainable.trains_package_lora and self.trainable.trained_groups == ("lora",)

    @property
    def trains_from_second_alone(self) -> bool:
        """Whether nothing that is trained takes part in the first step of a forecast."""
        return self._trains_package_lora_alone and self.model.package_lora_mode == "from_second"

    def names(self, group: Group) -> tuple[str, ...]:
        """All variable names of a group: the variant's, then the new ones, in a fixed order."""
        own = {
            Group.SURFACE: self.model.catalogue_entry.surface,
            Group.STATIC: self.model.catalogue_entry.static,
            Group.ATMOSPHERIC: self.model.catalogue_entry.atmospheric,
        }[group]
        return (*own, *(v.name for v in self.variables if v.group is group))

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """Names of all predicted variables; surface and atmospheric names never coincide."""
        names = (*self.names(Group.SURFACE), *self.names(Group.ATMOSPHERIC))
        return tuple(name for name in names if name not in self.input_only)

    @property
    def output_only(self) -> tuple[str, ...]:
        """Names of variables that are predicted but not given, the model's own first."""
        new = (v.name for v in self.variables if not v.is_given)
        return (*self.model.catalogue_entry.output_only, *new)

    @property
    def input_only(self) -> tuple[str, ...]:
        """Names of new surface and atmospheric variables that are given but not predicted."""
        return tuple(
            v.name for v in self.variables if v.group is not Group.STATIC and not v.is_predicted
        )

    @property
    def targets(self) -> tuple[str, ...]:
        """Names that count in the loss."""
        return self.loss.targets or self.predicted_names

    @property
    def lead_hours(self) -> int:
        """Hours from the last input to the target."""
        return self.data.lead_hours or self.model.catalogue_entry.timestep_hours

    @property
    def is_demo(self) -> bool:
        """Whether data, or a part of a mix, is synthetic: labelled as such everywhere."""
        return any(part.data.source == "demo" for part in self.data.parts)

    def unit(self, name: str, group: Group) -> str:
        """Unit of a variable of this run, registered ones included."""
        for variable in self.variables:
            if (variable.name, variable.group) == (name, group):
                return variable.unit
        return describe(name, group).unit

    def to_json(self) -> str:
        """The spec as an indented JSON document, the content of ``spec.json``."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    def with_overrides(self, assignments: Sequence[str]) -> Self:
        """Apply ``key=value`` assignments such as ``training.steps=60``.

        A value is read as JSON where it parses, else taken as a string.
        """
        refuse_two_lengths(assignments)
        values = self.model_dump(mode="json")
        for assignment in assignments:
            apply_override(values, assignment)
        return type(self).build(values, source="--set")
