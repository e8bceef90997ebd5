"""Deterministic algorithms while a run computes, and what was before when it is over."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
# One of the two values with which cuBLAS promises the same digits every time.
_CUBLAS_REPEATABLE = ":4096:8"


class _Switch:
    """Torch's switch is the process's: it goes back when the last run that wants it is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = (False, False, False)
        self._cublas_before: str | None = None

    def acquire(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._before = (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
                torch.backends.cudnn.benchmark,
            )
            self._cublas_before = os.environ.get(_CUBLAS)
            os.environ.setdefault(_CUBLAS, _CUBLAS_REPEATABLE)
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            enabled, warn_only, benchmark = self._before
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
            torch.backends.cudnn.benchmark = benchmark
            if self._cublas_before is None:
                os.environ.pop(_CUBLAS, None)


_SWITCH = _Switch()


@contextmanager
def deterministic_if(wanted: bool) -> Iterator[None]:
    """A block in which torch uses deterministic algorithms alone, if that is wanted.

    The switch holds for all threads of the process; blocks may overlap.
    """
    if not wanted:
        yield
        return
    _SWITCH.acquire()
    try:
        yield
    finally:
        _SWITCH.release()
