"""The Train page's small chart of the learning rates to come."""

from __future__ import annotations

import numpy as np
import streamlit as st

from aurora_dash.errors import DataError
from aurora_dash.figures.training import learning_rate_figure
from aurora_dash.spec import RunSpec
from aurora_dash.training.schedule import lr_factor
from aurora_dash.ui import opened
from aurora_dash.ui.live_chart import live_chart

_POINTS = 400
_HEIGHT = 240


def chart(spec: RunSpec) -> None:
    """The learning rates over the run, as the trainer will set them."""
    total = total_steps(spec)
    if total is None:
        st.caption("The schedule is drawn here once the data can be opened.")
        return
    steps = np.unique(np.linspace(0, total - 1, min(total, _POINTS)).round().astype(int))
    factors = np.array([lr_factor(int(step), total, spec.optimiser) for step in steps])
    rates = {"existing weights": (steps + 1, spec.optimiser.lr * factors)}
    if any(variable.lr is None for variable in spec.variables):
        rates["new_embeddings"] = (steps + 1, spec.optimiser.lr_new * factors)
    for variable in spec.variables:
        if variable.lr is not None:
            rates[variable.name] = (steps + 1, variable.lr * factors)
    live_chart(learning_rate_figure(rates), key="schedule", height=_HEIGHT)


def total_steps(spec: RunSpec) -> int | None:
    """How many steps the run will take; None while that depends on data that can't be opened."""
    if spec.training.steps is not None:
        return spec.training.steps
    try:
        samples = opened.num_training_samples(spec)
    except DataError:
        return None
    batches = (spec.training.epochs or 1) * -(-samples // spec.training.batch_size)
    return max(1, -(-batches // spec.training.accumulate))
