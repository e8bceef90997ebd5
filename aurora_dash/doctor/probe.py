"""Tries the heavy packages for real and prints what it found as JSON.

Run as a process of its own (``python -m aurora_dash.doctor.probe``): a broken CUDA library can
hang or kill the process that imports it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any


def probe() -> dict[str, Any]:
    """Import torch, aurora and eccodes; compute on the GPU; errors become text."""
    return {
        "torch": _attempt(_torch),
        "gpu": _attempt(_gpu),
        "aurora": _attempt(_aurora),
        "eccodes": _attempt(_eccodes),
    }


def _attempt(look: Any) -> dict[str, Any]:
    start = time.monotonic()
    try:
        found = look()
    except (ImportError, RuntimeError, OSError, AttributeError, AssertionError) as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    return {**found, "seconds": round(time.monotonic() - start, 2)}


def _torch() -> dict[str, Any]:
    import torch

    return {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "gpu_available": torch.cuda.is_available(),
        "architectures": torch.cuda.get_arch_list() if torch.version.cuda else [],
    }


def _gpu() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {}
    matrix = torch.eye(64, device="cuda")
    total = float((matrix @ matrix).sum())
    if total != 64.0:
        raise RuntimeError(f"a product of unit matrices summed to {total}, expected 64")
    major, minor = torch.cuda.get_device_capability()
    return {"name": torch.cuda.get_device_name(), "architecture": f"sm_{major}{minor}"}


def _aurora() -> dict[str, Any]:
    module = importlib.import_module("aurora")
    return {"model": module.Aurora.__name__}


def _eccodes() -> dict[str, Any]:
    return {"version": importlib.import_module("eccodes").codes_get_api_version()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe()) + "\n")
