"""Training that goes slowly: steps that have become slow, waiting for data."""

from __future__ import annotations

from collections import deque
from statistics import median

from aurora_dash.spec import RunSpec
from aurora_dash.training.health import remedies
from aurora_dash.training.health.rules import Record, Sign, Signs, number

_FIRST_STEPS = 5
_NOTICEABLE_SECONDS = 0.05
_NOTICEABLE_WAIT = 0.02


class Throughput:
    """Steps, waiting for data left out, take many times what they took.

    A step through a longer forecast takes longer: what counts is the time of each of its steps.
    """

    explanation = (
        "The model and the batch are the same, so the machine gives less than before: another "
        "program uses the GPU or the cores, the GPU is throttled by heat or power, or memory is "
        "being swapped."
    )
    advice = (
        "Look at what else runs on the machine (aurora-dash doctor, nvidia-smi, top) and end it, "
        "or wait; the run itself is sound."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._settings = spec.health.throughput
        self._rollout = spec.rollout
        self._newest: deque[float] = deque(maxlen=self._settings.window)
        self._fastest = float("inf")
        self._seen = 0
        self._remedies = remedies.usable(spec, (remedies.fewer_threads(spec),))

    def look(self, record: Record) -> Signs | None:
        """Compare the present pace with the fastest."""
        whole, waited = number(record, "step_seconds"), number(record, "data_seconds")
        if whole is None:
            return None
        self._seen += 1
        if self._seen <= _FIRST_STEPS:
            # The first steps fill caches and choose kernels.
            return None
        length = self._length(int(record["step"]))
        self._newest.append((whole - (waited or 0.0)) / length)
        if len(self._newest) < self._settings.window:
            return None
        present = median(self._newest)
        self._fastest = min(self._fastest, present)
        bound = max(self._settings.factor * self._fastest, self._fastest + _NOTICEABLE_SECONDS)
        if present <= bound:
            return ()
        message = (
            f"A step takes {length * present:.3g} s, {present / self._fastest:.1f} times as long "
            f"as at its fastest ({length * self._fastest:.3g} s)."
        )
        return (Sign(message=message, remedies=self._remedies),)

    def _length(self, step: int) -> int:
        """How many steps of a forecast the 1-based training step `step` computes."""
        return 1 if self._rollout.kind == "replay" else self._rollout.steps_at(step - 1)


class DataWait:
    """Most of the time goes by waiting for data."""

    explanation = (
        "The device idles until the next batch is read: files that are compressed, far away or "
        "laid out for other uses are the usual reason."
    )
    advice = (
        "Write the data once with `aurora-dash data prepare` and train on the store, copy it to a "
        "local disk, or read with more workers."
    )

    def __init__(self, spec: RunSpec) -> None:
        self._settings = spec.health.data_wait
        self._times: deque[tuple[float, float]] = deque(maxlen=self._settings.window)
        self._seen = 0
        self._remedies = remedies.usable(
            spec, (remedies.read_ahead(spec), remedies.read_in_blocks(spec))
        )

    def look(self, record: Record) -> Signs | None:
        """Take the share of waiting in the newest steps."""
        whole, waited = number(record, "step_seconds"), number(record, "data_seconds")
        if whole is None or waited is None:
            return None
        self._seen += 1
        if self._seen <= _FIRST_STEPS:
            return None
        self._times.append((whole, waited))
        if len(self._times) < self._settings.window:
            return None
        total, waiting = (sum(column) for column in zip(*self._times, strict=True))
        mean_wait = waiting / len(self._times)
        if waiting <= self._settings.share * total or mean_wait < _NOTICEABLE_WAIT:
            return ()
        message = (
            f"{waiting / total:.0%} of the last {len(self._times)} steps went by waiting for data: "
            f"{mean_wait:.2g} s of the {total / len(self._times):.2g} s of a step."
        )
        return (Sign(message=message, remedies=self._remedies),)
