"""What the trainer's parts do in several processes: the first decides and writes, all follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from aurora_dash.errors import TrainingError
from aurora_dash.training.distributed.shards import local
from aurora_dash.training.distributed.world import World, digest
from aurora_dash.training.loop import Records, Requests, Saves, Trainer
from aurora_dash.training.terms import Record
from aurora_dash.training.usage import Usage

_SAVE = "save"


class RequestsForAll:
    """Requests that the first process hears, heeded by all at the same step."""

    def __init__(self, world: World, requests: Requests) -> None:
        """`requests` are asked in the first process alone."""
        self._world = world
        self._requests = requests

    def wants_stop(self) -> bool:
        """Whether training is to end."""
        return self._world.by_first(self._requests.wants_stop)

    def take_save(self) -> bool:
        """Whether a checkpoint was asked for since the last call."""
        return self._world.by_first(self._requests.take_save)

    def wait_while_paused(self, save: Callable[[], object]) -> bool:
        """Return when training may go on; whether there was a pause."""
        if self._world.is_first:

            def save_with_all() -> None:
                self._world.told(_SAVE)
                save()

            return self._world.told(self._requests.wait_while_paused(save_with_all))
        while True:
            word: str | bool = self._world.told()
            if isinstance(word, bool):
                return word
            save()


class RecordsForAll:
    """Records that the first process writes and judges; what it raises is raised by all.

    Whenever the first has looked at how much of its machine it takes, so do the others: their
    numbers are in the record after that, as ``process/<rank>/<name>``.
    """

    def __init__(self, world: World, records: Records, usage: Usage) -> None:
        self._world = world
        self._records = records
        self._usage = usage
        self._of_others: Record = {}

    def train(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> None:
        """Take those of a training step."""
        if self._world.by_first(lambda: self._record(step, epoch, values, pace)):
            self._of_others = {
                f"process/{rank}/{name}": value
                for rank, seen in enumerate(self._world.gather(self._usage.take()))
                for name, value in seen.items()
                if rank
            }

    def _record(
        self, step: int, epoch: float, values: Mapping[str, float], pace: float | None
    ) -> bool:
        """Whether there was a new look at this process."""
        seen = self._usage.take()
        others, self._of_others = self._of_others, {}
        self._records.train(step, epoch, {**values, **seen, **others}, pace)
        return bool(seen)

    def validation(
        self, step: int, epoch: float, values: Mapping[str, float], best_loss: float | None
    ) -> None:
        """Take those of a validation."""
        self._world.by_first(lambda: self._records.validation(step, epoch, values, best_loss))


class SavesOfFirst:
    """Checkpoints that the first process writes, after all were found to have equal weights."""

    def __init__(self, world: World, save: Saves, parameters: Mapping[str, nn.Parameter]) -> None:
        self._world = world
        self._save = save
        self._parameters = parameters

    def __call__(self, trainer: Trainer, best: bool) -> None:
        """Take one of the present state."""
        require_equal(self._world, self._parameters, trainer.step)
        self._world.by_first(lambda: _nothing(self._save(trainer, best)))

    def check(self) -> bool:
        """Raise what writing met since; whether there was a pause for want of room."""
        return self._world.by_first(self._save.check)

    def finish(self) -> bool:
        """Return when all that was taken is on disk; whether there was a pause."""
        return self._world.by_first(self._save.finish)


def require_equal(world: World, parameters: Mapping[str, nn.Parameter], step: int) -> None:
    """`TrainingError`, in all processes, unless these have the same bits in each of them."""
    found = world.gather(digest([local(p) for p in parameters.values()]).tolist())
    for rank, other in enumerate(found[1:], start=1):
        odd = [n for n, a, b in zip(parameters, found[0], other, strict=True) if a != b]
        if odd:
            world.raise_together(
                TrainingError(
                    f"After step {step} the weights of process {rank} differ from those of "
                    f"process 0: {len(odd)} of {len(parameters)} tensors, first {odd[0]}.",
                    remedy="Resume the run from its last checkpoint, and report this with the "
                    "run's spec.",
                )
            )


def _nothing(_result: object) -> None:
    """What an action gives stays in the process that took it."""
