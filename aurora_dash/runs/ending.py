"""Processes that do not answer or have died: continuing them, ending them, saying why."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import psutil

from aurora_dash.errors import RunError
from aurora_dash.runs.identity import OwnerRecord
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run

_TAIL_BYTES = 4096
_TAIL_LINES = 4
_VMSTAT = Path("/proc/vmstat")
_RESUME = "Resume it: it goes on from its last checkpoint."
_LOG = "trainer.log in the run's folder holds all it said."
_CRASHES = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS}
)
# What torchrun writes about the first process of its group that failed.
_FIRST_FAILURE = re.compile(
    r"Root Cause.*?rank\s*:\s*(\d+).*?exitcode\s*:\s*(-?\d+)\s*\(pid:\s*(\d+)\)", re.DOTALL
)


def continue_process(run: Run) -> None:
    """Let a halted process of a run go on (SIGCONT); `RunError` if it can't be reached."""
    os.kill(_reachable(run).pid, signal.SIGCONT)
    run.log_event("info", "its halted process was told to go on (SIGCONT)")


def end_process(run: Run) -> None:
    """End the process of a run at once (SIGKILL), with what it started.

    What it did since the last checkpoint is lost. `RunError` if it can't be reached, or is a
    server, which has other things to do.
    """
    owner = _reachable(run)
    if owner.kind == "thread":
        raise RunError(
            f"Run {run.id} is trained by a server ({owner}), which is not ended for one run.",
            remedy=f"Ask the run to stop, or end the server itself: kill {owner.pid}.",
        )
    run.log_event("warning", f"its {owner} is ended on request (SIGKILL)")
    kill_tree(owner.pid)


def _reachable(run: Run) -> OwnerRecord:
    status = run.status()
    owner = status.owner
    if not status.is_live or owner is None:
        raise RunError(f"Run {run.id} is {status.state.value}: no process works on it.")
    if not owner.pid_means_something_here:
        raise RunError(
            f"Run {run.id} is trained by {owner}, which can't be reached from here.",
            remedy=f"Do the same on {owner.host}.",
        )
    return owner


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants; one that is gone already does no harm."""
    try:
        top = psutil.Process(pid)
        # Halted first, so that it starts no more while the others are collected.
        top.suspend()
        family = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def out_of_memory_kills() -> int:
    """How many processes the kernel has ended for lack of memory since the machine started."""
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def last_word(
    exit_code: int,
    *,
    log: Path,
    verdict: str = "",
    out_of_memory: bool = False,
    stop_was_asked: bool = False,
) -> dict[str, Any]:
    """State, reason and remedy of a run whose trainers ended without saying how.

    `exit_code` is negative for a signal. `verdict` is why they were killed, if we did it. One of
    several that is lost is a failure of the run, unless a stop was asked for.
    """
    text = _end_of(log)
    if verdict:
        return {"state": RunState.INTERRUPTED, "reason": verdict, "remedy": _RESUME}
    who, if_killed = "Its trainer process", RunState.INTERRUPTED
    if exit_code > 0 and (found := _FIRST_FAILURE.search(text)):
        who, exit_code = f"Process {found[3]} (rank {found[1]}) of the run", int(found[2])
        if_killed = RunState.INTERRUPTED if stop_was_asked else RunState.FAILED
    if exit_code < 0:
        return {"state": if_killed, **_after_signal(who, -exit_code, text, out_of_memory)}
    state = RunState.FAILED if exit_code else RunState.INTERRUPTED
    return {
        "state": state,
        "reason": f"{who} ended with exit code {exit_code} and no last word.{_told(text)}",
        "remedy": f"{_LOG} {_RESUME}",
    }


def _after_signal(who: str, number: int, text: str, out_of_memory: bool) -> dict[str, Any]:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number in _CRASHES:
        return {
            "state": RunState.FAILED,
            "reason": f"{who} crashed ({name}).{_told(text)}",
            "remedy": f"{_LOG} {_RESUME}",
        }
    if number == signal.SIGKILL and out_of_memory:
        return {
            "state": RunState.FAILED,
            "reason": f"{who} was killed ({name}); the system ended a process for lack of memory "
            "at that time.",
            "remedy": f"Make it smaller (batch size, crop, model), or free memory. {_RESUME}",
        }
    return {
        "reason": f"{who} was killed from outside ({name}).",
        "remedy": _RESUME,
    }


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _told(text: str) -> str:
    """The last lines of a log as a sentence; empty if there are none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f" Last it said: {' / '.join(lines[-_TAIL_LINES:])}" if lines else ""
