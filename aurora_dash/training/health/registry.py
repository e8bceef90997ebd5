"""Which rules there are, by the name of the section of `HealthSpec` that holds their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aurora_dash.spec import RunSpec
from aurora_dash.training.health.divergence import ExplodingGradient, LossSpike
from aurora_dash.training.health.learning import DeadVariable, Overfitting, Plateau
from aurora_dash.training.health.resources import Disk, Memory
from aurora_dash.training.health.rules import Rule
from aurora_dash.training.health.speed import DataWait, Throughput

RULES: Mapping[str, Callable[[RunSpec], Rule]] = MappingProxyType(
    {
        "exploding_gradient": ExplodingGradient,
        "loss_spike": LossSpike,
        "plateau": Plateau,
        "overfitting": Overfitting,
        "dead_variable": DeadVariable,
        "throughput": Throughput,
        "data_wait": DataWait,
        "memory": Memory,
        "disk": Disk,
    }
)


def build_rules(spec: RunSpec) -> dict[str, Rule]:
    """The rules that a spec switches on, in a fixed order."""
    return {
        name: RULES[name](spec)
        for name, settings in spec.health.rules()
        if settings.action != "off"
    }
