"""Changes to a spec that touch more than one field, as pure functions. Free of streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from aurora_dash.data.findings import Fix
from aurora_dash.errors import SpecError
from aurora_dash.presets.paper import FINE_TUNING_WEIGHTS
from aurora_dash.spec import (
    DataSpec,
    ModelSpec,
    RolloutSpec,
    RunSpec,
    SpecModel,
    TrainableSpec,
    VariableSpec,
)
from aurora_dash.variables import Group, split_key
from aurora_dash.variants import Variant, get_variant

Model = TypeVar("Model", bound=SpecModel)

RANDOM_LR = 1e-3
CHECKPOINT_LR = 1e-4

PAPER_WEIGHTS = dict(FINE_TUNING_WEIGHTS)
"""Weights of variables in the loss with which Aurora was fine-tuned."""


def assign(model: Model, path: str, value: Any) -> Model:
    """A validated copy with the field at the dotted `path` changed; `SpecError` if refused."""
    head, _, rest = path.partition(".")
    return model.replace(**{head: assign(getattr(model, head), rest, value) if rest else value})


def read(model: SpecModel, path: str) -> Any:
    """The value of the field at the dotted `path`."""
    value: Any = model
    for name in path.split("."):
        value = getattr(value, name)
    return value


def choose_variant(spec: RunSpec, variant_id: str) -> tuple[RunSpec, tuple[str, ...]]:
    """The spec with another variant, and what had to be given up for it, in words."""
    variant = get_variant(variant_id)
    taken = {
        Group.SURFACE: (*variant.surface, *variant.static, *variant.atmospheric),
        Group.STATIC: (*variant.surface, *variant.static),
        Group.ATMOSPHERIC: (*variant.surface, *variant.atmospheric),
    }
    variables = tuple(v for v in spec.variables if v.name not in taken[v.group])
    given_up = [
        f"{v.name} is no longer registered: {variant.title} has it already."
        for v in spec.variables
        if v not in variables
    ]
    variables, notes = _copying_what_is_there(variables, variant)
    given_up += notes
    model = spec.model
    if variant.id != model.variant:
        if model.statistics:
            given_up.append("Statistics of the other model's own variables are no longer changed.")
        if model.separate_perceiver or model.modulation_heads:
            given_up.append(
                "The second Perceiver and modulation heads were those of another variant."
            )
        model = model.replace(statistics={}, separate_perceiver=(), modulation_heads=())
    model = _with_lora_of(model, variant).replace(variant=variant_id)
    bare = spec.replace(
        model=model,
        data=_data_for(variant, spec.data, given_up),
        variables=(),
        loss=spec.loss.without_names(),
        trainable=TrainableSpec(),
        rollout=RolloutSpec(),
    )
    trainable = _trainable_for(spec.trainable, len(variables))
    if trainable != spec.trainable:
        given_up.append("All of the model is trained: there are no new variables any more.")
    changed = _with_rollout_of(bare.replace(variables=variables), spec, given_up)
    changed = changed.replace(trainable=_lora_of(trainable, model))
    return _with_loss_of(changed, spec, given_up)


def _with_lora_of(model: ModelSpec, variant: Variant) -> ModelSpec:
    """The model without a LoRA mode where the variant has no LoRA to act."""
    has_lora = variant.uses_lora if model.use_lora is None else model.use_lora
    return model if has_lora else model.replace(lora_mode=None)


def _lora_of(trainable: TrainableSpec, model: ModelSpec) -> TrainableSpec:
    """What is trained, with new LoRA weights where the model has none of its own."""
    if trainable.lora.kind == "package" and not model.has_package_lora:
        return trainable.replace(lora=trainable.lora.replace(kind="attached"))
    return trainable


def _with_rollout_of(spec: RunSpec, before: RunSpec, given_up: list[str]) -> RunSpec:
    """The spec with the forecasts in training that it had, as far as the variant allows."""
    for rollout in (before.rollout, before.rollout.replace(members=1, lead_hours=())):
        try:
            return spec.replace(rollout=rollout)
        except SpecError as error:
            given_up.append(error.message)
    return spec


def _data_for(variant: Variant, data: DataSpec, given_up: list[str]) -> DataSpec:
    """The data without crops that don't fill the variant's patches."""
    if data.crop is None or not any(size % variant.patch_size for size in data.crop):
        return data
    given_up.append(
        f"Crops of {data.crop[0]} × {data.crop[1]} are no longer cut out: they don't fill "
        f"patches of {variant.patch_size}."
    )
    return data.replace(crop=None)


def _trainable_for(trainable: TrainableSpec, num_new: int) -> TrainableSpec:
    """What is trained with that many new variables left: without them, nothing of theirs alone."""
    refused = trainable.refusal(num_new=num_new, new_are_untrained=False)
    return TrainableSpec(lora=trainable.lora) if refused else trainable


def _copying_what_is_there(
    variables: tuple[VariableSpec, ...], variant: Variant
) -> tuple[tuple[VariableSpec, ...], list[str]]:
    """New variables that begin as a copy of what the variant lacks begin at random instead."""
    kept, notes = [], []
    for variable in variables:
        names = [known.name for known in variant.variables(variable.group)]
        if variable.copy_from is not None and variable.copy_from not in names:
            notes.append(
                f"{variable.name} begins with random weights: {variant.title} has no "
                f"{variable.copy_from} to copy."
            )
            variable = variable.replace(initialise="random", copy_from=None)
        kept.append(variable)
    return tuple(kept), notes


def _with_loss_of(
    spec: RunSpec, before: RunSpec, given_up: list[str]
) -> tuple[RunSpec, tuple[str, ...]]:
    predicted = set(spec.predicted_names)
    by_level = {key: key.rpartition("/")[0] for key in before.loss.level_weights}
    named = (*before.loss.targets, *before.loss.weights, *filter(None, by_level.values()))
    lost = [n for n in named if n not in predicted]
    if lost:
        names = ", ".join(dict.fromkeys(lost))
        given_up.append(f"No longer a target or weighted, not predicted any more: {names}.")
    loss = before.loss.replace(
        targets=tuple(n for n in before.loss.targets if n in predicted),
        weights={n: w for n, w in before.loss.weights.items() if n in predicted},
        level_weights={
            key: w
            for key, w in before.loss.level_weights.items()
            if not by_level[key] or by_level[key] in predicted
        },
    )
    return spec.replace(loss=loss), tuple(given_up)


def choose_source(spec: RunSpec, source: str, **details: Any) -> RunSpec:
    """The spec with weights from elsewhere; an untouched learning rate follows what is usual."""
    changed = spec.replace(model=spec.model.replace(source=source, **details))
    usual_before = RANDOM_LR if spec.model.is_random else CHECKPOINT_LR
    usual_now = RANDOM_LR if changed.model.is_random else CHECKPOINT_LR
    if spec.optimiser.lr == usual_before:
        return assign(changed, "optimiser.lr", usual_now)
    return changed


def add_variable(spec: RunSpec, variable: VariableSpec) -> RunSpec:
    """The spec with one more new variable, or with the one of that name and group replaced."""
    same = (variable.name, variable.group)
    others = tuple(v for v in spec.variables if (v.name, v.group) != same)
    return spec.replace(variables=(*others, variable))


def remove_variable(spec: RunSpec, name: str, group: Group) -> RunSpec:
    """The spec without a registered variable, nor its target and weight."""
    loss = spec.loss.replace(
        targets=tuple(n for n in spec.loss.targets if n != name),
        weights={n: w for n, w in spec.loss.weights.items() if n != name},
        level_weights={
            k: w for k, w in spec.loss.level_weights.items() if k.rpartition("/")[0] != name
        },
    )
    rest = tuple(v for v in spec.variables if (v.name, v.group) != (name, group))
    model = spec.model if group is Group.STATIC else _without_part_for(spec.model, name)
    without_names = spec.replace(
        loss=spec.loss.without_names(),
        variables=rest,
        model=model,
        trainable=_trainable_for(spec.trainable, len(rest)),
    )
    return without_names.replace(loss=loss if group is not Group.STATIC else spec.loss)


def _without_part_for(model: ModelSpec, name: str) -> ModelSpec:
    return model.replace(
        separate_perceiver=tuple(n for n in model.separate_perceiver if n != name),
        modulation_heads=tuple(n for n in model.modulation_heads if n != name),
    )


def apply_fix(spec: RunSpec, fix: Fix) -> RunSpec:
    """The spec with what a finding's fix changes; `SpecError` if it no longer fits."""
    if fix.omits is None:
        return spec.with_overrides(fix.assignments)
    group, name = split_key(fix.omits)
    return remove_variable(spec, name, group)


def set_weights(spec: RunSpec, weights: Mapping[str, float]) -> RunSpec:
    """The spec with these weights in the loss, as far as the model predicts the variables."""
    kept = {name: value for name, value in weights.items() if name in spec.predicted_names}
    return assign(spec, "loss.weights", kept)
