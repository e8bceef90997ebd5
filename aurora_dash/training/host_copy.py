"""A training's state copied to the memory of the host, to be written while training goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Unchanging(dict[Any, Any]):
    """A table in a state whose tensors nobody changes in place: copies share those on the CPU."""


def host_copy(state: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors copied to the CPU and everything around them copied too, whole when it returns.

    From a GPU all tensors are under way at once, into pinned memory, which torch keeps for the
    next copy.
    """
    devices: set[torch.device] = set()
    copied = {key: _copied(value, devices, shared=False) for key, value in state.items()}
    for device in devices:
        torch.cuda.synchronize(device)
    return copied


def _copied(value: Any, devices: set[torch.device], *, shared: bool) -> Any:
    if isinstance(value, Tensor):
        return _copied_tensor(value.detach(), devices, shared=shared)
    if isinstance(value, Mapping):
        shared = shared or isinstance(value, Unchanging)
        return {key: _copied(inner, devices, shared=shared) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(inner, devices, shared=shared) for inner in value)
    return value


def _copied_tensor(tensor: Tensor, devices: set[torch.device], *, shared: bool) -> Tensor:
    if tensor.device.type == "cpu":
        return tensor if shared else tensor.clone()
    if tensor.device.type != "cuda":
        return tensor.cpu()
    devices.add(tensor.device)
    target = torch.empty_like(tensor, device="cpu", pin_memory=True)
    return target.copy_(tensor, non_blocking=True)


def num_bytes(state: Any) -> int:
    """Size of all tensors of a state."""
    if isinstance(state, Tensor):
        return state.nbytes
    if isinstance(state, Mapping):
        return sum(map(num_bytes, state.values()))
    return sum(map(num_bytes, state)) if isinstance(state, list | tuple) else 0
