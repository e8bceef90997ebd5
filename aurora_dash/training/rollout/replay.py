"""The replay buffer: forecasts go on for days of training, one step at a time.

As in the Aurora paper (C. Bodnar et al., A foundation model for the Earth system, Nature 641, 2025,
Methods, "Rollout fine-tuning"): at each training step the model goes on from a state in the buffer,
and its prediction joins the buffer; from time to time states of the data join it. Each step costs
no more memory than training on one step does, however long forecasts get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aurora import Batch

from aurora_dash.data.windows import Window
from aurora_dash.errors import TrainingError
from aurora_dash.spec import RunSpec
from aurora_dash.training.host_copy import Unchanging
from aurora_dash.training.order import BatchOrder
from aurora_dash.training.rollout.buffer import Entry, ReplayBuffer
from aurora_dash.training.rollout.plan import Draw, ReplayPlan, Waiting


@dataclass(frozen=True)
class ReplayOrder(BatchOrder):
    """What the loader reads for each step: samples to begin from, or targets to go on to.

    Sample i of n with `lead` steps done is number ``lead n + i``, as `replay_windows` has it.
    """

    plan: ReplayPlan
    samples: BatchOrder

    @classmethod
    def of(cls, samples: BatchOrder, plan: ReplayPlan) -> ReplayOrder:
        """The order of a replay training that begins forecasts in the order of `samples`."""
        return cls(samples.num_samples, samples.batch_size, samples.seed, plan, samples)

    def batch(self, step: int) -> list[int]:
        """Numbers of what is read for 0-based step `step`."""
        draw = self.plan.at(step)
        lead = 0 if draw.source is None else draw.lead
        return [lead * self.num_samples + i for i in draw.samples]

    def epoch(self, step: int) -> float:
        """Passes over the training samples that forecasts were begun from."""
        return self.samples.epoch(self.plan.at(step).num_begun)


def first_lead(spec: RunSpec) -> int:
    """Steps that a forecast from data takes before it is trained on."""
    return int(spec.trains_from_second_alone)


def replay_windows(windows: Sequence[Window], spec: RunSpec) -> tuple[Window, ...]:
    """What the loader of a replay training can read: see `ReplayOrder`.

    A forecast that goes on needs only its next target; what stands for its inputs is read once.
    """
    begin = first_lead(spec)
    first = tuple(Window(w.inputs, (w.targets[begin],)) for w in windows)
    later = (
        Window((w.targets[lead],), (w.targets[lead],))
        for lead in range(1, spec.rollout.steps)
        for w in windows
    )
    return (*first, *later)


class Replay:
    """What waits between the steps of a replay training; part of its checkpoints."""

    def __init__(self, spec: RunSpec, samples: BatchOrder) -> None:
        self.first_lead = first_lead(spec)
        self.plan = ReplayPlan(
            samples,
            spec.rollout,
            spec.training.seed,
            first_lead=self.first_lead,
            accumulate=spec.training.accumulate,
        )
        self.order = ReplayOrder.of(samples, self.plan)
        self.buffer = ReplayBuffer()
        self._num_samples = samples.num_samples
        self._accumulate = spec.training.accumulate
        self._waiting: dict[int, Waiting] = {}
        self._steps = 0
        self._num_begun = 0

    def inputs(self, step: int, given: Batch, patch_size: int) -> Batch:
        """What step `step` begins from: `given` of the loader, or a forecast that goes on."""
        source = self.plan.at(step).source
        if source is None:
            return given
        return self.buffer.get(source).inputs(given.crop(patch_size))

    def keeper(self, step: int) -> tuple[Callable[[Batch], None] | None, Callable[[], None]]:
        """Who takes the inputs after `step`, if they are to wait, and what to do when it is done.

        Nothing changes before the second is called: a step that fails leaves the buffer as it was.
        """
        draw, kept = self.plan.at(step), []

        def keep(inputs: Batch) -> None:
            kept.append(Entry.of(inputs))

        def commit() -> None:
            self._commit(step, draw, kept)

        return (keep if draw.waits else None), commit

    def _commit(self, step: int, draw: Draw, kept: Sequence[Entry]) -> None:
        for key in (draw.source, draw.dropped):
            self.buffer.drop(key)
            self._waiting.pop(-1 if key is None else key, None)
        for entry in kept:
            self.buffer.put(step, entry)
            self._waiting[step] = Waiting(step, draw.samples, draw.lead + 1)
        self._steps, self._num_begun = step + 1, draw.num_begun + (draw.source is None)

    def state_dict(self) -> Mapping[str, Any]:
        """The forecasts that wait, oldest first, and how many were begun; tensors are shared,
        and never changed."""
        return {
            "step": self._steps,
            "accumulate": self._accumulate,
            "num_begun": self._num_begun,
            "waiting": [asdict(entry) for entry in self._waiting.values()],
            "entries": Unchanging(self.buffer.to_state()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; `KeyError` or `ValueError` if it can't be.

        With another number of batches a step nothing waits any more: what waits is known by the
        number of its batch, and those count otherwise then.
        """
        if state.get("accumulate", self._accumulate) != self._accumulate:
            self.plan.go_on(int(state["step"]), int(state["num_begun"]), ())
            return
        waiting = [
            Waiting(int(e["key"]), tuple(int(i) for i in e["samples"]), int(e["lead"]))
            for e in state["waiting"]
        ]
        highest = max((i for entry in waiting for i in entry.samples), default=0)
        if highest >= self._num_samples:
            raise ValueError(f"it names sample {highest} of {self._num_samples}")
        self.buffer.fill(state["entries"])
        self._waiting = {entry.key: entry for entry in waiting}
        self._steps, self._num_begun = int(state["step"]), int(state["num_begun"])
        self.plan.go_on(self._steps, self._num_begun, waiting)


def require_matching_times(inputs: Batch, target: Batch, hours: float) -> None:
    """`TrainingError` if a forecast and its target don't belong together.

    The loader and the buffer follow one plan; a difference would train on nonsense unnoticed.
    """
    starts, ends = inputs.metadata.time, target.metadata.time
    leads = [(end - start).total_seconds() / 3600 for start, end in zip(starts, ends, strict=True)]
    if any(lead != hours for lead in leads):
        raise TrainingError(
            f"A forecast of the replay buffer at {starts[0]} has its target at {ends[0]}; expected "
            f"{hours:g} h between them.",
            remedy="The data or its settings changed since the run began; start a new run.",
        )
