"""How learning rates change over a run."""

from __future__ import annotations

import math

from aurora_dash.spec import OptimiserSpec


def lr_factor(step: int, total: int, spec: OptimiserSpec) -> float:
    """Factor on the peak learning rates at 0-based optimiser step `step` of `total`.

    Rises linearly over `warmup_steps`, reaching 1 at the last of them, then stays (``constant``),
    falls on a half cosine or a line to `final_lr_fraction` at the last step of the run, or is
    multiplied by `step_factor` every `step_every` steps, never below `final_lr_fraction`
    (``step``).
    """
    if step < spec.warmup_steps:
        return (step + 1) / spec.warmup_steps
    if spec.schedule == "constant":
        return 1.0
    if spec.schedule == "step":
        falls = (step - spec.warmup_steps) // spec.step_every
        return max(spec.step_factor**falls, spec.final_lr_fraction)
    progress = min((step - spec.warmup_steps) / max(total - spec.warmup_steps - 1, 1), 1.0)
    shape = 0.5 * (1 + math.cos(math.pi * progress)) if spec.schedule == "cosine" else 1 - progress
    return spec.final_lr_fraction + (1 - spec.final_lr_fraction) * shape
