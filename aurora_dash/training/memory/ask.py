"""Asks a process of its own for an estimate, and remembers what it said. Free of torch.

The process is told to see no GPU; it takes 10 to 60 s and about 1 GiB, whatever it estimates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_dash.data.cache import cache_folder
from aurora_dash.errors import TrainingError
from aurora_dash.runs.files import write_atomic
from aurora_dash.training.memory.estimate import Estimate
from aurora_dash.training.memory.question import Question

Say = Callable[[str], object]

_CHILD = "aurora_dash.training.memory.child"
LIMIT_SECONDS = 300.0


def known(question: Question) -> Estimate | None:
    """The answer if it was found before on this machine, else None; takes no time."""
    try:
        return Estimate.from_dict(json.loads(_path(question).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        # Never written, or by another version: it is found anew.
        return None


def estimate(
    question: Question, *, runs: Path, say: Say = lambda _: None, limit: float = LIMIT_SECONDS
) -> Estimate:
    """The answer, from memory or found now; `say` is told of each phase.

    `runs` is the folder in which an earlier run is looked up. `TrainingError` if the model can't
    be built or tried out, or that takes longer than `limit` seconds.
    """
    found = known(question)
    if found is None:
        found = _ask(question, runs, say, limit)
        path = _path(question)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(found.to_dict(), indent=2) + "\n")
    return found


def _path(question: Question) -> Path:
    return cache_folder() / "estimates" / f"{question.digest()}.json"


def _ask(question: Question, runs: Path, say: Say, limit: float) -> Estimate:
    process = subprocess.Popen(
        [sys.executable, "-m", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_WAIT_POLICY": "PASSIVE"},
    )
    late = threading.Event()
    timer = threading.Timer(limit, _end, (process, late))
    timer.start()
    try:
        last = _converse(process, {"question": question.to_dict(), "runs": str(runs)}, say)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    if "estimate" in last:
        return Estimate.from_dict(last["estimate"])
    if late.is_set():
        raise TrainingError(
            f"The estimate of the memory was given up after {limit:.0f} s ({last.get('phase')}).",
            remedy="Try again when less else is going on, or estimate a smaller rollout.",
        )
    reason = last.get("error") or f"its process ended while {last.get('phase', 'starting')}"
    raise TrainingError(
        f"The memory of a step can't be estimated: {reason}.".replace("..", "."),
        remedy=last.get("remedy") or "Launch it all the same: the health rules watch the memory.",
    )


def _converse(process: subprocess.Popen[str], message: dict[str, Any], say: Say) -> dict[str, Any]:
    """Ask, pass phases on, and return the last thing that was said."""
    assert process.stdin is not None
    assert process.stdout is not None
    last: dict[str, Any] = {}
    try:
        json.dump(message, process.stdin)
        process.stdin.close()
    except BrokenPipeError:
        return last
    for line in process.stdout:
        try:
            last = json.loads(line)
        except ValueError:
            # What a library prints.
            continue
        if "phase" in last:
            say(last["phase"])
    return last


def _end(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()
