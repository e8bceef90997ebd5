"""Which of the processes of a run this one is, as ``torchrun`` says in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from aurora_dash.errors import TrainingError
from aurora_dash.model.device import choose_device
from aurora_dash.spec import DistributedSpec, RunSpec


@dataclass(frozen=True)
class Place:
    """This process among those that were started together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number on its machine, and so that of its GPU."""
    local_size: int = 1

    @classmethod
    def here(cls) -> Place:
        """That of the calling process; alone where nothing is said."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        if any(name not in os.environ for name in names):
            return cls()
        return cls(*(int(os.environ[name]) for name in names))

    def check(self, spec: DistributedSpec) -> None:
        """`TrainingError` unless as many processes were started as the spec asks for."""
        if self.size != spec.world_size:
            raise TrainingError(
                f"The run is for {spec.world_size} processes (distributed.processes = "
                f"{spec.processes}, distributed.nodes = {spec.nodes}), and {self.size} "
                f"{'was' if self.size == 1 else 'were'} started.",
                remedy="Launch it with --launcher process, or resume it with "
                f"--set distributed.processes={self.size} distributed.nodes=1.",
            )

    def device(self, spec: RunSpec) -> torch.device:
        """Where this process computes; each takes the GPU of its own number.

        `TrainingError` if there is none, or as `check` has it.
        """
        self.check(spec.distributed)
        device = choose_device(spec.training.device)
        if self.size == 1 or device.type != "cuda":
            return device
        if self.local_rank >= torch.cuda.device_count():
            raise TrainingError(
                f"Process {self.local_rank} of {self.local_size} on this machine has no GPU: torch "
                f"sees {torch.cuda.device_count()}.",
                remedy="Set distributed.processes to the number of GPUs.",
            )
        device = torch.device("cuda", self.local_rank)
        torch.cuda.set_device(device)
        return device
