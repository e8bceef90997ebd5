"""The processes that train one run together, and how they talk about anything but gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from aurora_dash.errors import AuroraDashError, TrainingError

Value = TypeVar("Value")


class World:
    """The processes of a run, numbered from 0; alone unless a process group is given.

    What all of them call, all must call, in the same order.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        *,
        local_rank: int = 0,
        talk: dist.ProcessGroup | None = None,
    ) -> None:
        """`talk` is a group for what is on the CPU, in which waiting may take any time."""
        self.rank = rank
        self.size = size
        self.local_rank = local_rank
        self.talk = talk
        self.agreed: BaseException | None = None
        """The last error that all processes have raised together."""

    @property
    def is_alone(self) -> bool:
        """Whether there is one process."""
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that owns the run's folder."""
        return self.rank == 0

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, in their order; for all of them."""
        if self.is_alone:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.talk)
        return values

    def told(self, value: Value | None = None, *, by: int = 0) -> Value:
        """What one process gives, by default the first; for all of them."""
        values: list[Any] = [value]
        if not self.is_alone:
            dist.broadcast_object_list(values, src=by, group=self.talk)
        return values[0]  # type: ignore[no-any-return]

    def by_first(self, action: Callable[[], Value]) -> Value:
        """What an action gives that the first process does alone; its error is raised by all."""
        if self.is_alone:
            return action()
        result: Value | None = None
        problem: Exception | None = None
        if self.is_first:
            try:
                result = action()
            # Whatever it is, the others must not wait for it.
            except Exception as error:  # noqa: BLE001
                problem = error
        result, found = self.told((result, None if problem is None else _told_to_others(problem)))
        if found is not None:
            self.agreed = problem or found
            raise self.agreed
        return result  # type: ignore[return-value]

    def one_after_the_other(self, action: Callable[[], Value]) -> Value:
        """An action of all, done first by one process of each machine.

        What that one puts in place, such as a download, the others find there.
        """
        if self.local_rank == 0:
            result = action()
        self.gather(None)
        if self.local_rank:
            result = action()
        return result

    def raise_first(self, problems: Sequence[AuroraDashError | None]) -> None:
        """Raise the first of the problems of all processes, as `gather` gave them, if any."""
        for rank, problem in enumerate(problems):
            if problem is not None:
                self.raise_together(self._naming(rank, problem))

    def raise_together(self, problem: BaseException) -> None:
        """Raise what every process raises at this point."""
        self.agreed = problem
        raise problem

    def average(self, values: Tensor) -> Tensor:
        """The mean over the processes, on the device of `values`."""
        if self.is_alone:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.size

    def sum(self, value: float) -> float:
        """The sum over the processes."""
        return sum(self.gather(value))

    def _naming(self, rank: int, problem: AuroraDashError) -> AuroraDashError:
        if self.is_alone:
            return problem
        problem.message = f"Process {rank} of {self.size}: {problem.message}"
        problem.args = (problem.message,)
        return problem


def _told_to_others(problem: Exception) -> AuroraDashError:
    if isinstance(problem, AuroraDashError):
        return problem
    first_line = (str(problem).splitlines() or ["no message"])[0]
    return TrainingError(f"The first process failed: {type(problem).__name__}: {first_line}.")


def digest(tensors: list[Tensor]) -> Tensor:
    """One number for each tensor, from its very bits, by which copies are told apart."""
    return torch.stack([_bits(tensor).sum(dtype=torch.int64) for tensor in tensors])


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().view(torch.int32 if tensor.element_size() == 4 else torch.int16)
