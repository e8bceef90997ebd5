"""Rolling a forecast out: each prediction joins the history from which the next one is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

from aurora import Batch
from aurora.rollout import rollout

from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.model.randomness import OwnRandomness


def forecast(
    module: OwnStatistics, batch: Batch, *, steps: int, lead_hours: float, seed: int = 0
) -> Iterator[Batch]:
    """Predictions 1 to `steps` of a batch, each `lead_hours` further, in physical units.

    One step is a plain forward pass, whatever the lead time; several are Aurora's own rollout,
    which is right only where the lead time is the spacing of the history. The noise of a
    stochastic variant follows from `seed` alone and leaves the process's generators untouched.
    """
    noise = OwnRandomness(seed) if module.is_stochastic else nullcontext()
    predictions = _predictions(module, batch, steps, lead_hours)
    while True:
        # The mode must not stay in force while the caller works on what it was given.
        with noise:
            prediction = next(predictions, None)
        if prediction is None:
            return
        yield prediction


def _predictions(
    module: OwnStatistics, batch: Batch, steps: int, lead_hours: float
) -> Iterator[Batch]:
    if steps == 1:
        yield module.predict(batch, lead_hours)
    else:
        yield from rollout(module, batch, steps)
