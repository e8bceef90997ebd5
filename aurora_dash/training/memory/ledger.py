"""Who holds how much memory: every tensor that comes to be is written down until it is gone."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, is_traceable_wrapper_subclass
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

# CUDA's caching allocator hands out memory in such pieces (c10/cuda/CUDACachingAllocator.h).
_CUDA_BLOCK = 512


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block, counts the bytes of all storages on one device by the part that made them.

    Works on fake tensors, which have sizes and no memory, as well as on real ones. Reading a value
    of a fake tensor gives 1, or True: a step has to go on where it looks at its loss.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.part = "rest"
        """To whom new memory is charged."""
        self.flops = 0
        """Floating-point operations of matrix products and convolutions."""
        self.peak = 0
        self.at_peak: Mapping[str, int] = {}
        """Bytes by part when most was held."""
        self.peak_part = ""
        """Who made the memory that made the peak."""
        self._device = device
        self._block = 1 if device.type == "cpu" else _CUDA_BLOCK
        self._held: Counter[str] = Counter()
        self._total = 0
        self._known: dict[int, tuple[int, str]] = {}

    @contextmanager
    def charged_to(self, part: str) -> Iterator[None]:
        """Within the block, new memory is of `part`."""
        before, self.part = self.part, part
        try:
            yield
        finally:
            self.part = before

    def move(self, tensor: Tensor, part: str) -> None:
        """Charge what a tensor holds to another part from now on."""
        key = tensor.untyped_storage()._cdata
        if key not in self._known:
            self._hold(tensor)
        size, before = self._known[key]
        self._held[before] -= size
        self._held[part] += size
        self._known[key] = size, part

    def held(self, *parts: str) -> int:
        """Bytes that parts hold now."""
        return sum(self._held[part] for part in parts)

    def begin(self) -> None:
        """Forget peak and operations so far."""
        self.flops, self.peak = 0, self._total
        self.at_peak, self.peak_part = dict(self._held), self.part

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        if func is torch.ops.aten._local_scalar_dense.default:
            return _value(args[0])
        result = func(*args, **keywords)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += int(count(*args, **keywords, out_val=result))
        for leaf in tree_leaves(result):
            here = isinstance(leaf, Tensor) and leaf.device.type == self._device.type
            if here and not _wraps_others(leaf):
                self._hold(leaf)
        return result

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = -(-storage.nbytes() // self._block) * self._block
        self._known[key] = size, self.part
        # Torch keeps the Python object of a storage for as long as anything holds its memory.
        weakref.finalize(storage, self._let_go, key).atexit = False
        self._held[self.part] += size
        self._total += size
        if self._total > self.peak:
            self.peak, self.at_peak, self.peak_part = self._total, dict(self._held), self.part

    def _let_go(self, key: int) -> None:
        size, part = self._known.pop(key)
        self._held[part] -= size
        self._total -= size


def _value(tensor: Tensor) -> bool | int | float:
    if tensor.dtype is torch.bool:
        return True
    return 1.0 if tensor.dtype.is_floating_point else 1


def _wraps_others(leaf: object) -> bool:
    """Whether a tensor, such as moments of 8 bits, is made of others and holds nothing itself."""
    return is_traceable_wrapper_subclass(leaf)
