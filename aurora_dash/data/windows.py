"""Which times make up a sample, and which samples are trained on or validated with.

Times are matched by their values, never by their neighbourhood: a gap in the data loses the
samples that reach across it and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aurora_dash.data.times import Times


@dataclass(frozen=True)
class Window:
    """Time indices of one sample."""

    inputs: tuple[int, ...]
    """From the oldest to the newest input, one history step apart."""
    targets: tuple[int, ...]
    """From the first to the last step of the forecast, one lead time apart."""

    @property
    def indices(self) -> tuple[int, ...]:
        """All times that the sample uses."""
        return (*self.inputs, *self.targets)


@dataclass(frozen=True)
class Split:
    """Windows to train on and windows to validate with; they share no time."""

    train: tuple[Window, ...]
    validation: tuple[Window, ...]


def make_windows(
    times: Times,
    *,
    history_hours: int,
    lead_hours: int,
    history: int = 2,
    num_targets: int = 1,
    stride: int = 1,
) -> tuple[Window, ...]:
    """The samples that `times` allow, in the order of their times.

    A sample has `history` inputs, `history_hours` apart, and `num_targets` targets, one for each
    step of a forecast, `lead_hours` after the newest input and then after each other. Of all
    samples every `stride`-th is given, from the first. `times` must be strictly increasing.
    """
    if min(history, history_hours, lead_hours, num_targets, stride) < 1:
        raise ValueError(
            "history, history_hours, lead_hours, num_targets and stride must be at least 1"
        )
    exact = np.asarray(times).astype("datetime64[ns]")
    index = {int(time): position for position, time in enumerate(exact.astype(np.int64))}
    hour = int(np.timedelta64(1, "h") / np.timedelta64(1, "ns"))
    offsets = [-step * history_hours * hour for step in reversed(range(history))]
    offsets += [(step + 1) * lead_hours * hour for step in range(num_targets)]
    windows = []
    for newest in index:
        positions = [index.get(newest + offset) for offset in offsets]
        found = tuple(position for position in positions if position is not None)
        if len(found) == len(offsets):
            windows.append(Window(inputs=found[:history], targets=found[history:]))
    return tuple(windows[::stride])


def split_windows(windows: Sequence[Window], times: Times, validation_fraction: float) -> Split:
    """Keep the last part of the period for validation.

    `validation_fraction` of the windows, rounded, but at least one if it is above zero, are kept;
    of the others those that end before the first validation window begins are trained on, so that
    no time, input or target, is in both.
    """
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be in [0, 1), not {validation_fraction}")
    moments = np.asarray(times)
    ordered = sorted(windows, key=lambda window: moments[window.targets[-1]])
    if validation_fraction == 0 or not ordered:
        return Split(train=tuple(ordered), validation=())
    num_validation = max(1, round(len(ordered) * validation_fraction))
    train, validation = ordered[:-num_validation], ordered[-num_validation:]
    begin = min(moments[i] for window in validation for i in window.inputs)
    return Split(
        train=tuple(window for window in train if moments[window.targets[-1]] < begin),
        validation=tuple(validation),
    )
