"""Which times make up a sample, and which samples are trained on or validated with.

Times are matched by their values, never by their neighbourhood: a gap in the data loses the
samples that reach across it and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from aurora_dash.data.times import Times

Mask = NDArray[np.bool_]

_HOUR = int(np.timedelta64(1, "h") / np.timedelta64(1, "ns"))


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
class TimeParts:
    """Which times may be trained on and which validated with; no time may be both."""

    train: Mask
    validation: Mask
    """One element a time of the data, both."""


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
    index = {time: position for position, time in enumerate(_nanoseconds(times).tolist())}
    offsets = [-step * history_hours * _HOUR for step in reversed(range(history))]
    offsets += [(step + 1) * lead_hours * _HOUR for step in range(num_targets)]
    windows = []
    for newest in index:
        positions = [index.get(newest + offset) for offset in offsets]
        found = tuple(position for position in positions if position is not None)
        if len(found) == len(offsets):
            windows.append(Window(inputs=found[:history], targets=found[history:]))
    return tuple(windows[::stride])


def part_by_fraction(
    windows: Sequence[Window], times: Times, fraction: float, *, gap_hours: int = 0
) -> TimeParts:
    """Keep the last part of the period for validation.

    It begins where the last `fraction` of the windows, rounded, but at least one if it is above
    zero, begin. Times that are less than `gap_hours` before it belong to neither part.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the fraction for validation must be in [0, 1), not {fraction}")
    moments = _nanoseconds(times)
    if fraction == 0 or not windows:
        return TimeParts(np.ones(moments.shape, bool), np.zeros(moments.shape, bool))
    ordered = sorted(windows, key=lambda window: moments[window.targets[-1]])
    kept = ordered[-max(1, round(len(ordered) * fraction)) :]
    begin = int(min(moments[i] for window in kept for i in window.inputs))
    return _apart(moments, begin, int(np.iinfo(np.int64).max), gap_hours)


def part_by_period(
    times: Times, start: datetime | None, end: datetime | None, *, gap_hours: int = 0
) -> TimeParts:
    """Keep the times from `start` to `end` (time-zone aware, inclusive; None: open) for validation.

    Times that are less than `gap_hours` before or after the period belong to neither part.
    """
    limits = np.iinfo(np.int64)
    begin = int(limits.min) if start is None else _instant(start)
    last = int(limits.max) if end is None else _instant(end)
    return _apart(_nanoseconds(times), begin, last, gap_hours)


def split_windows(windows: Sequence[Window], parts: TimeParts) -> Split:
    """The windows whose times, inputs and targets, all lie in one part; others are left out."""

    used = np.array([window.indices for window in windows], dtype=np.intp)

    def within(mask: Mask) -> tuple[Window, ...]:
        if not windows:
            return ()
        whole: Mask = np.all(mask[used], axis=1)
        return tuple(window for window, fits in zip(windows, whole, strict=True) if fits)

    return Split(train=within(parts.train), validation=within(parts.validation))


def _apart(moments: NDArray[np.int64], begin: int, end: int, gap_hours: int) -> TimeParts:
    if gap_hours < 0:
        raise ValueError(f"gap_hours must be at least 0, not {gap_hours}")
    gap = gap_hours * _HOUR
    validation = (moments >= begin) & (moments <= end)
    # Python's integers, because the open ends are the largest that numpy's can be.
    close = [begin - gap < moment < end + gap for moment in moments.tolist()]
    return TimeParts(train=~validation & ~np.array(close, bool), validation=validation)


def _nanoseconds(times: Times) -> NDArray[np.int64]:
    return np.asarray(times).astype("datetime64[ns]").astype(np.int64)


def _instant(moment: datetime) -> int:
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return int(np.datetime64(naive, "ns").astype(np.int64))
