"""What to beware of in the choice of what is trained. Free of torch."""

from __future__ import annotations

from aurora_dash.data.findings import Finding
from aurora_dash.spec import RunSpec


def trainable_findings(spec: RunSpec) -> tuple[Finding, ...]:
    """Warnings about what `spec.trainable` asks for; nothing here stands in the way."""
    groups = spec.trainable.trained_groups
    if "lora" not in groups or "backbone" in groups or not spec.model.is_random:
        return ()
    return (
        Finding(
            severity="warning",
            code="lora-on-random",
            message="LoRA learns nothing on random weights: the blocks of a fresh backbone begin "
            "switched off (their modulation is zero), and only training the backbone itself "
            "switches them on, so that LoRA's gradients are exactly 0.",
            remedy="Start from a checkpoint, or train 'backbone' too.",
        ),
    )
