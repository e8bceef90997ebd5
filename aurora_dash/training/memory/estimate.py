"""What an estimate says. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from aurora_dash.training.memory.question import DeviceKind

PARTS = (
    *("parameters", "gradients", "optimiser", "average"),
    *("batch", "encoder", "backbone", "decoder"),
)
"""Who holds memory at the peak; `batch` is samples, predictions and loss, the last three are the
activations of the model's parts."""

_GIB = 2**30
# What torch does not count: context and libraries of CUDA, and pieces of memory too small to use.
_LEAST_MARGIN, _MOST_MARGIN = 2 * _GIB, 4 * _GIB
_CONTEXT, _FRAGMENTED = 1 * _GIB, 0.05
# Python, torch and aurora themselves, on a CPU.
_PROCESS = 1 * _GIB


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The peak memory of one training step."""

    device: DeviceKind
    height: int
    width: int
    num_levels: int
    batch_size: int
    num_parameters: int
    num_trainable: int
    parts: Mapping[str, int]
    """Bytes at the peak by `PARTS`."""
    peak_part: str
    """Which of `PARTS` made the memory that made the peak."""
    flops: int
    """Floating-point operations of a step, in matrix products and convolutions."""
    seconds: float
    """How long it took to find out."""

    @property
    def peak_bytes(self) -> int:
        """What tensors hold when they hold most; `torch.cuda.max_memory_allocated` tells it."""
        return sum(self.parts.values())

    @property
    def margin_bytes(self) -> int:
        """Needed beside tensors: CUDA's context, workspaces and fragmentation; the process."""
        if self.device == "cpu":
            return _PROCESS
        wanted = _CONTEXT + int(_FRAGMENTED * self.peak_bytes)
        return min(max(wanted, _LEAST_MARGIN), _MOST_MARGIN)

    @property
    def needed_bytes(self) -> int:
        """What the device must have."""
        return self.peak_bytes + self.margin_bytes

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, sums included."""
        return {
            **asdict(self),
            "peak_bytes": self.peak_bytes,
            "margin_bytes": self.margin_bytes,
            "needed_bytes": self.needed_bytes,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; `KeyError` or `TypeError` for anything else."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})
