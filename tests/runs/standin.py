"""A stand-in for the training engine, for trainer processes that need no torch.

It acts by the name of its spec, and is put in the engine's place by a ``sitecustomize`` module.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run

CUSTOMIZE = """
import sys
sys.path.insert(0, {repository!r})
if any(name in {modules!r} for name in sys.orig_argv):
    import tests.runs.standin as standin
    standin.install()
"""


def folder(path: Path, repository: Path) -> Path:
    """A folder that, on ``PYTHONPATH``, gives workers the stand-in."""
    path.mkdir()
    text = CUSTOMIZE.format(repository=str(repository), modules=["aurora_dash.runs.worker"])
    (path / "sitecustomize.py").write_text(text)
    return path


def install() -> None:
    """Take the engine's place."""
    sys.modules["aurora_dash.training.engine"] = types.SimpleNamespace(train=train)  # type: ignore[assignment]


def train(run: Run, *, should_stop: Callable[[], bool]) -> None:
    """Train as the name of the spec says."""
    act = run.spec().name
    if rank() > 0:
        _follow(run, act)
        return
    with own(run) as owner:
        owner.update(state="running", total_steps=10, step=3)
        if act == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if act == "exit":
            sys.stdout.write("no kernel image\nfor this device\n")
            sys.stdout.flush()
            os._exit(3)
        if act == "litter":
            pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
            run.log_event("info", "child", pid=pid)
            os._exit(3)
        if act == "lose":
            _lose(run, should_stop)
        while act == "deaf" or not (act == "short" or _is_to_stop(run, should_stop)):
            time.sleep(0.02)
        owner.update(state="completed" if act == "short" else "stopped", reason="")


def rank() -> int:
    """The number of this process among those of the run."""
    return int(os.environ.get("RANK", "0"))


def _is_to_stop(run: Run, should_stop: Callable[[], bool]) -> bool:
    return should_stop() or "stop" in run.take_requests()


def _follow(run: Run, act: str) -> None:
    (run.folder / f"rank-{rank()}").write_text(str(os.getpid()))
    if act == "lose":
        os.kill(os.getpid(), signal.SIGKILL)
    while run.status().is_live:
        time.sleep(0.05)


def _lose(run: Run, should_stop: Callable[[], bool]) -> None:
    """Wait for torchrun to stop this process because another one was lost."""
    while not should_stop():
        time.sleep(0.02)
