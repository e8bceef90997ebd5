"""Copies between a GPU and the host's memory that pass beside the GPU's work."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


class Arrival:
    """A tensor that is here, or will be when its copy is done."""

    def __init__(self, tensor: Tensor, copied: torch.cuda.Event | None = None) -> None:
        self._tensor = tensor
        self._copied = copied

    def wait(self) -> Tensor:
        """The tensor, once it is here."""
        if self._copied is not None:
            self._copied.synchronize()
        return self._tensor

    def under_way(self) -> Tensor:
        """The tensor, for copies that follow on the same lane."""
        return self._tensor


class Return:
    """A tensor of the device that is there, or will be when its copy is done."""

    def __init__(self, tensor: Tensor, copied: torch.cuda.Event | None = None) -> None:
        self._tensor = tensor
        self._copied = copied

    def use(self) -> Tensor:
        """The tensor, for work that the device is given from now on; nothing waits here."""
        if self._copied is not None:
            stream = torch.cuda.current_stream(self._tensor.device)
            stream.wait_event(self._copied)
            self._tensor.record_stream(stream)
        return self._tensor


class Lane:
    """Copies one after the other, on a stream of their own and by page-locked memory.

    Of a CPU they are plain copies, which are done when the call returns.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def enter(self) -> None:
        """Let the copies that follow wait for the work that the device was given before."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))

    def leave(self) -> None:
        """Let the work that the device is given from now on wait for the copies before."""
        if self._stream is not None:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)

    def to_host(self, values: Tensor) -> Arrival:
        """Begin to copy a tensor of the device, which must keep its values meanwhile."""
        with self._beside():
            copy = self.host_like(values).copy_(values.detach(), non_blocking=True)
            if self._stream is None:
                return Arrival(copy)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(self._stream)
        # Whoever lets the tensor go must not have its memory used before the copy is done.
        values.record_stream(self._stream)
        return Arrival(copy, copied)

    def to_device(self, values: Tensor, target: Tensor) -> None:
        """Begin to copy `values` into `target` on the device, which may have another type."""
        with self._beside():
            # The device changes the type: converting here would make the copy wait.
            target.copy_(values.to(target.device, non_blocking=True))

    def back(self, values: Tensor, device: torch.device) -> Return:
        """Begin to copy from the host's memory to the device."""
        with self._beside():
            copy = values.to(device, non_blocking=True)
            if self._stream is None:
                return Return(copy)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record(self._stream)
        return Return(copy, copied)

    def host_like(self, values: Tensor) -> Tensor:
        """Memory of the host for such a tensor, with no values yet."""
        return torch.empty_like(values, device="cpu", pin_memory=self._stream is not None)

    def _beside(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)
