"""Tensors of which each process holds a part (FSDP): the parts, and what is true of the whole."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def is_split(tensor: Tensor) -> bool:
    """Whether each process holds a part of it."""
    return isinstance(tensor, DTensor)


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that is here, in the same memory; all of one that is not split."""
    if not isinstance(tensor, DTensor):
        return tensor
    part: Tensor = tensor.to_local()
    return part.detach()


def whole_norms(norms: Tensor, like: Tensor) -> Tensor:
    """L2 norms of whole tensors from those of their parts here; `like` is one of the tensors."""
    if not isinstance(like, DTensor):
        return norms
    squares = norms.double().square()
    dist.all_reduce(squares, group=like.device_mesh.get_group())
    return squares.sqrt().to(norms.dtype)


def every(tensor: Tensor, stride: int) -> Tensor:
    """Of the values of a whole tensor, in order, each `stride`-th: those that are here."""
    flat = local(tensor).flatten()
    return flat[-_first_value(tensor) % stride :: stride]


def _first_value(tensor: Tensor) -> int:
    """Position in the whole of the first value that is here; FSDP splits rows evenly."""
    if not isinstance(tensor, DTensor):
        return 0
    num_rows = tensor.shape[0]
    rows = -(-num_rows // tensor.device_mesh.size())
    before = min(tensor.device_mesh.get_local_rank() * rows, num_rows)
    return before * (tensor.numel() // num_rows)


def split_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor that every process has, split as `like` is."""
    if not isinstance(like, DTensor) or isinstance(tensor, DTensor) or tensor.shape != like.shape:
        return tensor
    whole = tensor.to(like.device)
    # Every process has it: nothing has to be sent.
    split: Tensor = distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
    return split


def exchange(one: Tensor, other: Tensor) -> None:
    """Let two tensors swap their values in place."""
    with torch.no_grad():
        kept = local(one).clone()
        local(one).copy_(local(other))
        local(other).copy_(kept)
