"""How many processes train one run together, and what each of them holds."""

from __future__ import annotations

from typing import Literal

from aurora_dash.spec.base import PositiveInt, SpecModel
from aurora_dash.spec.model import ModelSpec
from aurora_dash.spec.optimiser import OptimiserSpec
from aurora_dash.spec.rollout import RolloutSpec
from aurora_dash.spec.training import TrainingSpec

# Each of its forward passes draws one piece of noise for all samples of a batch.
_STOCHASTIC = "v1.5-ensemble"


class DistributedSpec(SpecModel):
    """Several processes that train one run, one a GPU.

    `training.batch_size` and `training.accumulate` are those of the whole run, however many
    processes there are: a step takes `accumulate` batches of `batch_size` samples, and the
    processes share them. Where `accumulate` is a multiple of the number of processes each takes
    its part of the batches; else, where `batch_size` is one, each takes its part of every batch.
    So results, the order of the data and checkpoints do not depend on the number of processes,
    and a run resumes on another.
    """

    processes: PositiveInt = 1
    """Processes of one node, each with a GPU of its own where there are GPUs."""
    nodes: PositiveInt = 1
    """Machines, each with so many processes; they need a file system in common."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """``ddp``: every process holds the whole model, and gradients are averaged. ``fsdp``: weights,
    gradients and optimiser states are split among the processes, and weights are gathered layer
    by layer when they are needed: less memory, more communication. Does not count for one
    process."""
    reshard_after_forward: bool = True
    """With ``fsdp``, let go of a layer's gathered weights between forward and backward pass and
    gather them again; off: faster, with the memory of all weights. Does not count for ``ddp``."""

    @property
    def world_size(self) -> int:
        """Number of processes on all nodes together."""
        return self.processes * self.nodes

    def shares_batches(self, training: TrainingSpec) -> bool:
        """Whether each process takes whole batches of a step, and not a part of every batch."""
        return training.accumulate % self.world_size == 0

    def refusal(
        self,
        model: ModelSpec,
        *,
        training: TrainingSpec,
        optimiser: OptimiserSpec,
        rollout: RolloutSpec,
    ) -> str:
        """Why these processes can't train such a run; empty if they can."""
        if self.world_size == 1:
            return ""
        refusal = (
            self._refusal_of_size(training)
            or self._refusal_of_parts(model, training, rollout)
            or self._refusal_of_device(training)
            or self._refusal_of_buffer(rollout)
            or self._refusal_of_optimiser(optimiser)
            or self._refusal_of_masters(model, optimiser)
        )
        return refusal and f"distributed: {refusal}"

    def _refusal_of_size(self, training: TrainingSpec) -> str:
        size, several, world = training.batch_size, training.accumulate, self.world_size
        if several % world == 0 or size % world == 0:
            return ""
        return (
            f"{world} processes (processes = {self.processes} x nodes = {self.nodes}) can't share "
            f"training.accumulate = {several} batches of training.batch_size = {size}: neither "
            f"number is a multiple of {world}; set training.accumulate to "
            f"{-(-several // world) * world}"
        )

    def _refusal_of_parts(
        self, model: ModelSpec, training: TrainingSpec, rollout: RolloutSpec
    ) -> str:
        if self.shares_batches(training):
            return ""
        if model.variant == _STOCHASTIC:
            reason = f"{model.variant} draws its noise for a batch as a whole"
        elif len(rollout.lead_hours) > 1:
            reason = "the loss of a batch with several rollout.lead_hours is told by lead time"
        else:
            return ""
        return (
            f"{self.world_size} processes would split batches (training.accumulate = "
            f"{training.accumulate}), but {reason}; set training.accumulate to a multiple of "
            f"{self.world_size}"
        )

    def _refusal_of_device(self, training: TrainingSpec) -> str:
        if ":" not in training.device:
            return ""
        return (
            f"training.device = {training.device!r} is one device, and each of {self.world_size} "
            "processes takes the GPU of its own number; choose 'cuda' or 'auto'"
        )

    def _refusal_of_buffer(self, rollout: RolloutSpec) -> str:
        if rollout.kind != "replay":
            return ""
        return (
            "rollout.kind 'replay' goes on from forecasts that earlier steps left in a buffer, "
            f"which is in the memory of one process, and there are {self.world_size}; choose "
            "rollout.kind 'backprop' or 'pushforward', or one process"
        )

    def _refusal_of_masters(self, model: ModelSpec, optimiser: OptimiserSpec) -> str:
        if optimiser.in_backward:
            return (
                "optimiser.in_backward uses each gradient as it comes, before those of the "
                f"{self.world_size} processes are averaged; switch it off"
            )
        if self.strategy == "fsdp" and model.weights_dtype == "bfloat16":
            return (
                "strategy 'fsdp' splits weights and optimiser states among the processes, and "
                "model.weights_dtype 'bfloat16' keeps whole masters of them; take 'float32', or "
                "choose strategy 'ddp'"
            )
        if self.strategy == "fsdp" and optimiser.offload:
            return (
                "strategy 'fsdp' splits weights and optimiser states among the processes, and "
                "optimiser.offload keeps whole copies of them; switch it off, or choose strategy "
                "'ddp'"
            )
        return ""

    def _refusal_of_optimiser(self, optimiser: OptimiserSpec) -> str:
        if self.strategy == "ddp" or optimiser.kind == "adamw":
            return ""
        return (
            f"strategy 'fsdp' splits each tensor among the processes, but optimiser.kind "
            f"{optimiser.kind!r} needs whole ones; choose optimiser.kind 'adamw' or strategy 'ddp'"
        )
