"""Stopping a training at a step, whatever else it asks on its way there."""

from __future__ import annotations

from collections.abc import Callable

from aurora_dash.runs.store import Run


def after(run: Run, steps: int) -> Callable[[], bool]:
    """For `train(run, should_stop=after(run, 3))`: stop once so many steps are recorded."""
    return lambda: run.metrics().num_rows("train") >= steps
