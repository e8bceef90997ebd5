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
    target: int

    @property
    def indices(self) -> tuple[int, ...]:
        """All times that the sample uses."""
        return (*self.inputs, self.target)


@dataclass(frozen=True)
class Split:
    """Windows to train on and windows to validate with; they share no time."""

    train: tuple[Window, ...]
    validation: tuple[Window, ...]


def make_windows(
    times: Times, *, history_hours: int, lead_hours: int, history: int = 2
) -> tuple[Window, ...]:
    """All samples that `times` allow, in the order of their target times.

    A sample has `history` inputs, `history_hours` apart, and a target `lead_hours` after the
    newest input. `times` must be strictly increasing.
    """
    if history < 1 or history_hours < 1 or lead_hours < 1:
        raise ValueError("history, history_hours and lead_hours must be at least 1")
    exact = np.asarray(times).astype("datetime64[ns]")
    index = {int(time): position for position, time in enumerate(exact.astype(np.int64))}
    hour = int(np.timedelta64(1, "h") / np.timedelta64(1, "ns"))
    offsets = [-step * history_hours * hour for step in reversed(range(history))]
    windows = []
    for newest in index:
        needed = [newest + offset for offset in offsets] + [newest + lead_hours * hour]
        positions = [index.get(moment) for moment in needed]
        found = [position for position in positions if position is not None]
        if len(found) == len(needed):
            windows.append(Window(inputs=tuple(found[:-1]), target=found[-1]))
    return tuple(windows)


def split_windows(windows: Sequence[Window], times: Times, validation_fraction: float) -> Split:
    """Keep the last part of the period for validation.

    `validation_fraction` of the windows, rounded, but at least one if it is above zero, are kept;
    of the others those that end before the first validation window begins are trained on, so that
    no time, input or target, is in both.
    """
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be in [0, 1), not {validation_fraction}")
    moments = np.asarray(times)
    ordered = sorted(windows, key=lambda window: moments[window.target])
    if validation_fraction == 0 or not ordered:
        return Split(train=tuple(ordered), validation=())
    num_validation = max(1, round(len(ordered) * validation_fraction))
    train, validation = ordered[:-num_validation], ordered[-num_validation:]
    begin = min(moments[i] for window in validation for i in window.inputs)
    return Split(
        train=tuple(window for window in train if moments[window.target] < begin),
        validation=tuple(validation),
    )
