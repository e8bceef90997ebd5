"""Building modules without memory for their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


@contextmanager
def without_memory() -> Iterator[None]:
    """Within the block, this thread's new tensors have a shape and no values."""
    with torch.device("meta"), _RangesOnCpu():
        yield


class _RangesOnCpu(TorchFunctionMode):
    """Makes ranges of numbers on the CPU: Aurora reads one back while it is built."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        if func is torch.linspace:
            keywords["device"] = "cpu"
        return func(*args, **keywords)
