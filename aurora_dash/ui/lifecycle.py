"""What happens around the pages: before torch is imported, and while it warms up.

PyTorch and Aurora take about ten seconds to import, so pages never do: a background thread imports
them once the first page is drawn, and a run that is launched earlier waits for the same import.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import threading
import time
from enum import StrEnum
from functools import cache

_logger = logging.getLogger(__name__)

# OpenMP threads that spin while they wait starve the server and other runs on the same cores. It
# counts only if it is set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_DRAWING_SECONDS = 1.5
"""Importing holds the interpreter: let the first page reach the browser before."""


class WarmUpState(StrEnum):
    """How far the import of PyTorch is."""

    OFF = "off"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class WarmUp:
    """Imports PyTorch and Aurora in the background, once a process."""

    def __init__(self) -> None:
        self.state = WarmUpState.OFF
        self.reason = ""
        self.seconds = 0.0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start unless it was started, or is switched off with ``AURORA_DASH_WARM_UP=0``."""
        with self._lock:
            if self.state is not WarmUpState.OFF or os.environ.get("AURORA_DASH_WARM_UP") == "0":
                return
            self.state = WarmUpState.LOADING
        threading.Thread(target=self._load, name="warm-up", daemon=True).start()

    def _load(self) -> None:
        time.sleep(_DRAWING_SECONDS)
        started = time.monotonic()
        try:
            for name in ("torch", "aurora"):
                importlib.import_module(name)
        except (ImportError, OSError) as error:
            _logger.exception("PyTorch or Aurora can't be imported")
            self.reason = f"{type(error).__name__}: {error}"
            self.state = WarmUpState.FAILED
            return
        # All that was imported stays. Left among what is looked through for garbage, it makes every
        # full collection hold the interpreter for some tenths of a second.
        gc.collect()
        gc.freeze()
        self.seconds = time.monotonic() - started
        self.state = WarmUpState.READY


@cache
def warm_up() -> WarmUp:
    """The process's one warm-up."""
    return WarmUp()
