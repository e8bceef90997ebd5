"""Which forecasts can be judged: where each starts, and which of its targets the data holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from aurora_dash.data.times import Times, format_time
from aurora_dash.data.windows import Mask, TimeParts, Window, make_windows
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.request import EvaluationRequest


@dataclass(frozen=True)
class Sample:
    """One forecast, as indices of times."""

    inputs: tuple[int, ...]
    """From the oldest to the newest input."""
    targets: Mapping[int, int]
    """By step, counted from 1; a step whose target is not in the data is absent."""

    @property
    def steps(self) -> int:
        """How far the forecast has to be rolled out."""
        return max(self.targets)


def make_samples(
    times: Times,
    request: EvaluationRequest,
    *,
    history_hours: int,
    lead_hours: int,
    parts: TimeParts,
) -> tuple[Sample, ...]:
    """All forecasts of the request's split that have at least one target, in order of time.

    A forecast belongs to a split if every time it uses does, so that a rollout of the training
    part never reaches into the validation part. `EvaluationError` if there is none.
    """
    allowed = _allowed(parts, request.split)
    targets: dict[tuple[int, ...], dict[int, int]] = {}
    for step in range(1, request.leads + 1):
        for window in make_windows(
            times, history_hours=history_hours, lead_hours=step * lead_hours
        ):
            if allowed[list(window.indices)].all():
                targets.setdefault(window.inputs, {})[step] = window.targets[-1]
    samples = [Sample(inputs, targets[inputs]) for inputs in sorted(targets)]
    if not samples:
        raise _no_samples(times, request, history_hours, lead_hours, parts)
    return tuple(samples[: request.max_samples])


def initial_windows(
    times: Times,
    history_hours: int,
    every_hours: int | None = None,
    most: int | None = None,
    only: datetime | None = None,
) -> tuple[Window, ...]:
    """Every time of the data that has one `history_hours` before it, or `only` one of them (UTC).

    `EvaluationError` if there is none.
    """
    index = {time: position for position, time in enumerate(times.astype("M8[ns]"))}
    before = np.timedelta64(history_hours, "h")
    starts = [time for time in index if time - before in index]
    if every_hours is not None and starts:
        apart = np.timedelta64(every_hours, "h")
        starts = [time for time in starts if (time - starts[0]) % apart == np.timedelta64(0)]
    if not starts:
        raise EvaluationError(
            f"No forecast can begin: it needs two times {history_hours} hours apart, and the data "
            f"has {len(times)} times.",
            remedy="Choose data that holds them.",
        )
    if only is not None:
        starts = [_known_start(starts, only)]
    windows = [Window(inputs=(index[t - before], index[t]), targets=()) for t in starts]
    return tuple(windows[:most])


def _known_start(starts: list[np.datetime64], only: datetime) -> np.datetime64:
    moment = np.datetime64(only.astimezone(UTC).replace(tzinfo=None), "ns")
    if moment in starts:
        return moment
    raise EvaluationError(
        f"No forecast can begin at {format_time(moment)}.",
        remedy=f"There are {len(starts)} initial times from {format_time(starts[0])} to "
        f"{format_time(starts[-1])}.",
    )


def _allowed(parts: TimeParts, name: str) -> Mask:
    """Which times a split may use; ``all``: any."""
    if name == "all":
        return np.ones(parts.train.shape, bool)
    return parts.validation if name == "validation" else parts.train


def _no_samples(
    times: Times,
    request: EvaluationRequest,
    history_hours: int,
    lead_hours: int,
    parts: TimeParts,
) -> EvaluationError:
    exact = np.asarray(times)
    span = f"{len(exact)} times" + (f" from {exact[0]} to {exact[-1]}" if len(exact) else "")
    part = "" if request.split == "all" else f" of the {request.split} part"
    remedy = "Choose data that holds the times before and after."
    if request.split == "validation" and not parts.validation.any():
        remedy = "The data keeps nothing back for validation: choose the split 'all'."
    elif request.split != "all":
        remedy = "Choose the split 'all', or more data."
    return EvaluationError(
        f"No sample{part} can be judged: a forecast needs two times {history_hours} hours apart "
        f"and a target {lead_hours} hours after, and the data has {span}.",
        remedy=remedy,
    )
