"""The recipes with which Aurora itself was fine-tuned.

Numbers are those of the Aurora paper, supplement D (C. Bodnar et al., A foundation model for the
Earth system, Nature 641, 2025), as far as it gives them; what it leaves open is said where it is
set. The paper trains with one sample a GPU: n GPUs are here n batches that are accumulated before a
step, the same mathematics on one GPU in n times the time. Drop path was off, as it is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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

FINE_TUNING_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        **{"2t": 3.5, "10u": 0.77, "10v": 0.66, "msl": 1.6},
        **{"z": 3.5, "q": 0.8, "t": 1.7, "u": 0.87, "v": 0.6},
    }
)
"""Weights of variables in the loss of all fine-tuning stages."""

_WARM_UP = 1000
"""Where the paper names none: that of the first HRES stage and of the pretraining."""
_NEXT_STAGE = "Begin from the stage before: model.source=run model.run=ID."
_BUFFER_GIB = 128.0
"""The paper's buffers lie in the memory of many machines; what does not fit is refused with the
number that does."""
_VALIDATION = 32
_VALIDATION_OF_DAYS = 8
"""Samples that are validated, where each is a long forecast: a year of them would take longer than
the training between two validations. The paper leaves both open."""


def hres() -> RunSpec:
    """HRES at 0.25°, first stage: all weights, back-propagation through two steps."""
    return _stage(
        "hres-0.25",
        "0.25-pretrained",
        steps=8000,
        gpus=8,
        optimiser=OptimiserSpec(
            lr=5e-5, weight_decay=5e-6, warmup_steps=1000, schedule="constant", clip_norm=1.0
        ),
        rollout=RolloutSpec(kind="backprop", steps=2),
        notes="Data: HRES T0 at 0.25 degrees.",
    )


def hres_rollout() -> RunSpec:
    """HRES at 0.25°, second stage: LoRA and a replay buffer, up to 4 days until step 5000, then
    10."""
    return _lora("hres-0.25-rollout", "0.25-pretrained", 13_000, 20, 200, 40, ((5000, 16),))


def high_resolution() -> RunSpec:
    """HRES at 0.1°, first stage: all weights, one step."""
    return _stage(
        "hres-0.1",
        "0.1-finetuned",
        steps=12_500,
        gpus=8,
        optimiser=OptimiserSpec(lr=2e-4, warmup_steps=_WARM_UP, schedule="constant"),
        notes="Data: HRES analysis at 0.1 degrees. The published 0.1° weights have been through "
        "this already; the paper began with the 0.25° ones.",
    )


def high_resolution_rollout() -> RunSpec:
    """HRES at 0.1°, second stage: LoRA and a small replay buffer."""
    return _lora("hres-0.1-rollout", "0.1-finetuned", 6250, 32, 20, 40)


def cams_reanalysis() -> RunSpec:
    """CAMS, first stage, on the reanalysis: new embeddings learn ten times as fast."""
    return _stage(
        "cams-reanalysis",
        "0.4-air-pollution",
        steps=22_000,
        gpus=16,
        optimiser=_cams_rates(),
        notes="Data: CAMS reanalysis (EAC4). Pollutants count with weight 1 unless loss.weights "
        "says otherwise; in the paper with scale over persistence error. The paper goes on for "
        "14,500 steps more: begin again from this run. It names the 16 GPUs for the rollout "
        "stage.",
    )


def cams_analysis() -> RunSpec:
    """CAMS, second stage, on the analysis."""
    return _stage(
        "cams-analysis",
        "0.4-air-pollution",
        steps=7500,
        gpus=16,
        optimiser=_cams_rates(),
        notes="Data: CAMS analysis. The paper goes on for 5,500 steps more. " + _NEXT_STAGE,
    )


def cams_rollout() -> RunSpec:
    """CAMS, last stage: LoRA and a replay buffer, up to 5 days."""
    return _lora("cams-rollout", "0.4-air-pollution", 6500, 16, 200, 10)


def wam() -> RunSpec:
    """Ocean waves, first stage: new parameters at 1e-3, the rest at 3e-4, cosine to 1e-5."""
    return _stage(
        "wam",
        "0.25-wave",
        steps=14_000,
        gpus=8,
        optimiser=OptimiserSpec(
            lr=3e-4, lr_new=1e-3, warmup_steps=500, schedule="cosine", final_lr_fraction=1 / 30
        ),
        notes="Data: HRES-WAM analysis with HRES T0. The paper names the 8 GPUs for the rollout.",
    )


def wam_second() -> RunSpec:
    """Ocean waves, second stage: all weights at 5e-5, cosine to 1e-5."""
    return _stage(
        "wam-second",
        "0.25-wave",
        steps=10_000,
        gpus=8,
        optimiser=OptimiserSpec(
            lr=5e-5, lr_new=5e-5, warmup_steps=500, schedule="cosine", final_lr_fraction=0.2
        ),
        notes=_NEXT_STAGE,
    )


def wam_rollout() -> RunSpec:
    """Ocean waves, last stage: LoRA and a replay buffer."""
    return _lora("wam-rollout", "0.25-wave", 6000, 8, 100, 40)


def _cams_rates() -> OptimiserSpec:
    return OptimiserSpec(lr=1e-4, lr_new=1e-3, warmup_steps=100, schedule="constant")


def _stage(
    name: str,
    variant: str,
    *,
    steps: int,
    gpus: int,
    optimiser: OptimiserSpec,
    notes: str,
    rollout: RolloutSpec | None = None,
) -> RunSpec:
    return RunSpec(
        name=name,
        notes=f"Aurora paper, supplement D: {steps:,} steps on {gpus} GPUs. {notes}",
        model=_model(variant),
        data=DataSpec(static_file=HUB),
        loss=LossSpec(weights=dict(FINE_TUNING_WEIGHTS)),
        optimiser=optimiser,
        rollout=rollout or RolloutSpec(),
        training=TrainingSpec(
            steps=steps,
            accumulate=gpus,
            validate_every=250,
            validation_samples=_VALIDATION,
            checkpoint_every=500,
        ),
    )


def _lora(
    name: str,
    variant: str,
    steps: int,
    gpus: int,
    buffer: int,
    longest: int,
    curriculum: tuple[tuple[int, int], ...] = (),
) -> RunSpec:
    """A rollout stage: LoRA of Aurora's own layers at 5e-5, new samples every 10 steps."""
    rollout = RolloutSpec(
        kind="replay",
        steps=longest,
        curriculum=curriculum,
        buffer_size=buffer,
        buffer_gib=_BUFFER_GIB,
        refresh_every=10,
    )
    spec = _stage(
        name,
        variant,
        steps=steps,
        gpus=gpus,
        optimiser=OptimiserSpec(lr=5e-5, warmup_steps=0, schedule="constant"),
        rollout=rollout,
        notes=_NEXT_STAGE,
    )
    return spec.replace(
        model=spec.model.replace(use_lora=True),
        trainable=TrainableSpec(parts="lora", lora=LoraSpec(kind="package")),
        training=spec.training.replace(validation_samples=_VALIDATION_OF_DAYS),
    )


def _model(variant: str) -> ModelSpec:
    return ModelSpec(
        variant=variant,
        source="hub",
        size="full",
        autocast=True,
        activation_checkpointing=True,
        chunks="auto",
    )
