"""A preset as a recipe for a run that has its data and variables already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aurora_dash.spec import RunSpec

# What a recipe decides; the rest is the run's own: its data, weights to begin from, variables,
# device and housekeeping.
_MODEL = ("use_lora", "lora_mode", "autocast", "activation_checkpointing", "checkpointed_layers")
_LOSS = (
    "kind",
    "huber_delta",
    "mse_share",
    "code",
    "surface_weight",
    "atmospheric_weight",
    "gamma",
)
_TRAINING = ("steps", "epochs", "batch_size", "accumulate", "patience", "min_delta")


@dataclass(frozen=True)
class Change:
    """One field that differs between two specs."""

    field: str
    """Dotted, as in ``--set``."""
    before: Any
    after: Any


def applied(spec: RunSpec, recipe: RunSpec) -> RunSpec:
    """The spec with a recipe's loss, optimiser, rollout, length and trained parts.

    Where it validates with few samples, since each is a long forecast, so does the run. Data,
    variables, the weights to begin from, targets and the weights of new variables stay.
    `SpecError` where the recipe does not go with them.
    """
    new = {variable.name for variable in spec.variables}
    weights = {name: w for name, w in spec.loss.weights.items() if name in new}
    known = {n: w for n, w in recipe.loss.weights.items() if n in spec.predicted_names}
    samples = recipe.training.validation_samples or spec.training.validation_samples
    return spec.replace(
        model=spec.model.replace(**{name: getattr(recipe.model, name) for name in _MODEL}),
        loss=spec.loss.replace(
            **{name: getattr(recipe.loss, name) for name in _LOSS}, weights=known | weights
        ),
        optimiser=recipe.optimiser,
        rollout=recipe.rollout,
        trainable=recipe.trainable,
        training=spec.training.replace(
            **{name: getattr(recipe.training, name) for name in _TRAINING},
            validation_samples=samples,
        ),
    )


def differences(before: RunSpec, after: RunSpec) -> tuple[Change, ...]:
    """All fields in which two specs differ, in their order."""
    old, new = (dict(_flat(spec.model_dump(mode="json"))) for spec in (before, after))
    return tuple(
        Change(field, old.get(field), new.get(field))
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field)
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value or None if isinstance(value, Mapping) else value
