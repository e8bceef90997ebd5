"""How many weights a run's model has, and how many of them it trains."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_dash.model.build import build_empty
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of weights."""

    total: int
    trainable: int


def count_parameters(spec: RunSpec, store: RunStore | None = None) -> ParameterCount:
    """Count the weights of the very model that the run would build, without making them.

    Raises `CheckpointError` or `ModelError` where that model can't be built.
    """
    parameters = list(build_empty(spec, store=store).parameters())
    return ParameterCount(
        total=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
    )
