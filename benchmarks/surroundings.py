"""What a figure means nothing without: device, versions and commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aurora_dash import __version__

ROOT = Path(__file__).resolve().parent.parent


def surroundings() -> dict[str, Any]:
    """Device, versions and commit: what a figure means nothing without."""
    import torch

    gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "device": gpu.name if gpu else f"CPU ({platform.machine()})",
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "device_memory_bytes": gpu.total_memory if gpu else device_memory(torch.device("cpu")),
        "versions": {
            "python": platform.python_version(),
            "cuda": torch.version.cuda,
            **{name: version(name) for name in ("torch", "microsoft-aurora")},
            "aurora-dash": __version__,
        },
        "commit": _git("rev-parse", "HEAD") or "unknown",
        "changed_since_commit": bool(changes),
    }


def put(document: Mapping[str, Any], out: Path | None) -> None:
    """Print a result as JSON, or write it into a file, whose folder is made."""
    text = json.dumps(document, indent=2) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def device_memory(device: Any) -> int:
    """Bytes of memory of a device of torch."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
