"""Recipes of this project: the demo, and what people fine-tune Aurora for most often."""

from __future__ import annotations

from aurora_dash.presets.paper import FINE_TUNING_WEIGHTS
from aurora_dash.spec import (
    HUB,
    DataSpec,
    LoraSpec,
    LossSpec,
    ModelSpec,
    OptimiserSpec,
    RolloutSpec,
    RunSpec,
    TrainableSpec,
    TrainingSpec,
)


def demo() -> RunSpec:
    """A tiny random-weight Aurora on synthetic weather: trains in a minute on a laptop."""
    return RunSpec(
        name="demo",
        notes="Random weights and synthetic weather: shows the way, forecasts nothing.",
        model=ModelSpec(variant="small", source="random", size="tiny"),
        data=DataSpec(source="demo"),
        optimiser=OptimiserSpec(lr=1e-3, lr_new=1e-3, warmup_steps=10),
        training=TrainingSpec(steps=200, batch_size=2, validate_every=20, checkpoint_every=50),
    )


def new_variable() -> RunSpec:
    """The pretrained model with variables of your own: their embeddings and heads learn ten times
    as fast as what was there before."""
    return RunSpec(
        name="new-variable",
        notes="Register the variables; weigh each by scale over persistence error "
        "(`aurora-dash weights`). Rates as for CAMS in the Aurora paper, supplement D.",
        model=_pretrained(),
        data=DataSpec(static_file=HUB),
        loss=LossSpec(weights=dict(FINE_TUNING_WEIGHTS)),
        optimiser=OptimiserSpec(lr=1e-4, lr_new=1e-3, warmup_steps=100),
        training=TrainingSpec(
            steps=4000, accumulate=8, validate_every=100, checkpoint_every=500, patience=10
        ),
    )


def regional() -> RunSpec:
    """The pretrained model for one region: gentle rates, an average of the weights, and an end when
    it no longer improves, since a region has few samples."""
    return RunSpec(
        name="regional",
        notes="Cut the region with data.region; it must hold all variables of the pretraining.",
        model=_pretrained(),
        data=DataSpec(static_file=HUB),
        loss=LossSpec(weights=dict(FINE_TUNING_WEIGHTS)),
        optimiser=OptimiserSpec(lr=5e-5, warmup_steps=200, weight_decay=5e-6, ema_decay=0.999),
        training=TrainingSpec(
            steps=2000, accumulate=4, validate_every=50, checkpoint_every=200, patience=8
        ),
    )


def lora_rollout() -> RunSpec:
    """Low-rank weights alone, trained on forecasts of up to five days from a small replay buffer:
    for one GPU, after any first stage."""
    return RunSpec(
        name="lora-rollout",
        notes="Begin from a first stage: model.source=run model.run=ID. Its one-step forecast "
        "stays as it was with model.use_lora=true model.lora_mode=from_second "
        "trainable.lora.kind=package.",
        model=_pretrained(),
        data=DataSpec(static_file=HUB),
        trainable=TrainableSpec(parts="lora", lora=LoraSpec(rank=8)),
        loss=LossSpec(weights=dict(FINE_TUNING_WEIGHTS)),
        optimiser=OptimiserSpec(lr=5e-5, warmup_steps=100, schedule="constant"),
        rollout=RolloutSpec(kind="replay", steps=20, buffer_size=20, curriculum=((1000, 8),)),
        training=TrainingSpec(
            steps=3000,
            accumulate=4,
            validate_every=100,
            validation_samples=8,
            checkpoint_every=250,
        ),
    )


def _pretrained() -> ModelSpec:
    return ModelSpec(
        variant="0.25-pretrained",
        source="hub",
        size="full",
        autocast=True,
        activation_checkpointing=True,
        chunks="auto",
    )
