"""What each remedy would save in memory and cost in speed, and which of them make a run fit.

Free of torch: every number comes from an estimate. The speed of a step is told from its operations
at `FLOPS_A_SECOND`, and, where the optimiser works in the host's memory, from the bytes that pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_dash.runs.alerts import Remedy
from aurora_dash.spec import RunSpec
from aurora_dash.training.health.memory import KEEP_THE_TRAINING, memory_remedies
from aurora_dash.training.memory.estimate import Estimate

FLOPS_A_SECOND = 125e12
"""40 % of what an A100 does in bfloat16 (312 TFLOP/s by NVIDIA's data sheet)."""
_BYTES_A_SECOND = 20e9
"""Host to GPU and back, PCIe 4.0 x16 in practice."""
_BYTES_PASSED = 8
"""A float32 gradient down, a float32 weight up."""
_STEPPED_A_SECOND = 1e9
"""Weights that AdamW changes on a host of 16 cores."""

Ask = Callable[[RunSpec], Estimate]


@dataclass(frozen=True, kw_only=True)
class Saving:
    """What a remedy alone does to a run."""

    remedy: Remedy
    needed_bytes: int
    saved_bytes: int
    """Below 0 where it takes more."""
    slowdown: float
    """By which share a step takes longer; below 0 where it is quicker."""
    keeps_training: bool
    """Whether weights come out as without it, to the rounding."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "key": self.remedy.key,
            "label": self.remedy.label,
            "explanation": self.remedy.explanation,
            "assignments": list(self.remedy.assignments),
            "needed_bytes": self.needed_bytes,
            "saved_bytes": self.saved_bytes,
            "slowdown": self.slowdown,
            "keeps_training": self.keeps_training,
        }


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Remedies with which a run needs no more than a device has."""

    limit_bytes: int
    fits: bool
    """False: not even with all remedies that keep the training as it is."""
    remedies: tuple[Remedy, ...]
    spec: RunSpec
    before: Estimate
    after: Estimate
    slowdown: float

    @property
    def assignments(self) -> tuple[str, ...]:
        """All that the remedies change; of one field what the last of them sets."""
        texts = [text for remedy in self.remedies for text in remedy.assignments]
        return tuple({text.partition("=")[0]: text for text in texts}.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "limit_bytes": self.limit_bytes,
            "fits": self.fits,
            "remedies": [remedy.model_dump(mode="json") for remedy in self.remedies],
            "assignments": list(self.assignments),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "slowdown": self.slowdown,
        }


def step_seconds(spec: RunSpec, found: Estimate) -> float:
    """About how long a step takes on the GPU that the constants above describe."""
    seconds = found.flops / FLOPS_A_SECOND
    if spec.optimiser.offload:
        weights = found.num_trainable
        seconds += weights * (_BYTES_PASSED / _BYTES_A_SECOND + 1 / _STEPPED_A_SECOND)
    return seconds


def savings(spec: RunSpec, ask: Ask) -> tuple[Saving, ...]:
    """What each remedy that the spec does not have yet would do alone, the most saving first."""
    before = ask(spec)
    found = [_saving(spec, before, remedy, ask) for remedy in memory_remedies(spec)]
    return tuple(sorted(found, key=lambda saving: -saving.saved_bytes))


def _saving(spec: RunSpec, before: Estimate, remedy: Remedy, ask: Ask) -> Saving:
    changed = spec.with_overrides(remedy.assignments)
    after = ask(changed)
    return Saving(
        remedy=remedy,
        needed_bytes=after.needed_bytes,
        saved_bytes=before.needed_bytes - after.needed_bytes,
        slowdown=step_seconds(changed, after) / step_seconds(spec, before) - 1,
        keeps_training=remedy.key in KEEP_THE_TRAINING,
    )


def fit(spec: RunSpec, limit_bytes: int, ask: Ask) -> Fit:
    """The cheapest remedies with which the run needs no more than `limit_bytes`.

    They are added in the order of their cost, `KEEP_THE_TRAINING`, each told from an estimate,
    until the run fits; then those that cost most are left out again where it still does. What a
    remedy saved when it was added tells which of them are worth asking about.
    """
    before = ask(spec)
    chosen: list[str] = []
    saved: dict[str, int] = {}
    after, changed = before, spec
    for key in KEEP_THE_TRAINING:
        if after.needed_bytes <= limit_bytes:
            break
        following = _with(spec, [*chosen, key])
        if following == changed:
            continue
        found = ask(following)
        if found.needed_bytes < after.needed_bytes:
            saved[key] = after.needed_bytes - found.needed_bytes
            chosen, after, changed = [*chosen, key], found, following
    for key in reversed(chosen[:-1]):
        if after.needed_bytes + saved[key] > limit_bytes:
            continue
        fewer = [other for other in chosen if other != key]
        following = _with(spec, fewer)
        found = ask(following)
        cheaper = step_seconds(following, found) < step_seconds(changed, after)
        if found.needed_bytes <= limit_bytes and cheaper:
            chosen, after, changed = fewer, found, following
    return Fit(
        limit_bytes=limit_bytes,
        fits=after.needed_bytes <= limit_bytes,
        remedies=tuple(_applied(spec, chosen)),
        spec=changed,
        before=before,
        after=after,
        slowdown=step_seconds(changed, after) / step_seconds(spec, before) - 1,
    )


def _with(spec: RunSpec, keys: Sequence[str]) -> RunSpec:
    for remedy in _applied(spec, keys):
        spec = spec.with_overrides(remedy.assignments)
    return spec


def _applied(spec: RunSpec, keys: Sequence[str]) -> list[Remedy]:
    """The remedies of these keys, each as it is for the spec with those before it."""
    applied = []
    for key in keys:
        remedy = next((r for r in memory_remedies(spec) if r.key == key), None)
        if remedy is not None:
            applied.append(remedy)
            spec = spec.with_overrides(remedy.assignments)
    return applied
