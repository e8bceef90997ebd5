"""Processes really started with torchrun, and the same runs in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aurora_dash.runs.store import Run

_RANK = Path(__file__).with_name("rank.py")
_REPOSITORY = Path(__file__).resolve().parents[3]


def start(runs: Sequence[Run], processes: int = 2, **environment: str) -> subprocess.Popen[str]:
    """Start as many processes, which train these runs one after the other."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), str(_RANK), *(str(run.folder) for run in runs)]
    return subprocess.Popen(
        command,
        cwd=_REPOSITORY,
        env={
            **os.environ,
            "PYTHONPATH": str(_REPOSITORY),
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train_together(runs: Sequence[Run], processes: int = 2, **environment: str) -> str:
    """Train runs in several processes; what these said."""
    said, _ = start(runs, processes, **environment).communicate(timeout=400)
    return said


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait for what other processes do; fail if they don't."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.1)
