"""Presets: functions that return a complete spec one can start from, listed by name."""

from __future__ import annotations

from collections.abc import Callable

from aurora_dash.errors import SpecError
from aurora_dash.spec import DataSpec, ModelSpec, OptimiserSpec, RunSpec, TrainingSpec


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


PRESETS: dict[str, Callable[[], RunSpec]] = {"demo": demo}


def get_preset(name: str) -> RunSpec:
    """The complete spec of a preset; `SpecError` names the known ones if there is none."""
    try:
        return PRESETS[name]()
    except KeyError:
        known = ", ".join(PRESETS)
        raise SpecError(
            f"There is no preset {name!r}.", remedy=f"Known presets: {known}."
        ) from None
