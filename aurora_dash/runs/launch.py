"""Starting runs: in a thread of this process, in processes of their own, or here and now."""

from __future__ import annotations

import signal
from enum import StrEnum

from aurora_dash.errors import RunError
from aurora_dash.runs.devices import num_processes
from aurora_dash.runs.ownership import own
from aurora_dash.runs.process import ProcessLauncher
from aurora_dash.runs.signals import StopSignals
from aurora_dash.runs.status import RunState, recorded_status
from aurora_dash.runs.store import Run
from aurora_dash.runs.thread import thread_launcher
from aurora_dash.runs.trainer import TrainFunction, engine
from aurora_dash.runs.turn import turn
from aurora_dash.spec import RunSpec


class LauncherName(StrEnum):
    """Where a run is trained in the background."""

    THREAD = "thread"
    """In this process: begins at once, ends with it."""
    PROCESS = "process"
    """In processes of its own, which outlive this one."""


def launchers_for(spec: RunSpec) -> tuple[LauncherName, ...]:
    """The launchers that can train a spec, the usual one first."""
    if num_processes(spec) > 1:
        return (LauncherName.PROCESS,)
    return tuple(LauncherName)


def last_launcher(run: Run) -> LauncherName:
    """The launcher that a run is best started again with: the one before, where there was one."""
    possible = launchers_for(run.spec())
    owner = recorded_status(run.folder).owner
    before = LauncherName(owner.kind) if owner else possible[0]
    return before if before in possible else possible[0]


def launch(run: Run, launcher: LauncherName | str | None = None) -> None:
    """Start a run, or queue it: with a launcher of that name, else with `last_launcher`.

    `RunError` if somebody trains it, or the launcher can't.
    """
    possible = launchers_for(run.spec())
    name = launcher or last_launcher(run)
    if name not in possible:
        raise RunError(
            f"The launcher {name!r} can't train run {run.id}.",
            remedy=f"For this specification: {', '.join(possible)}.",
        )
    if name == LauncherName.PROCESS:
        ProcessLauncher().launch(run)
    else:
        thread_launcher().launch(run)


def run_in_foreground(run: Run, train: TrainFunction = engine) -> signal.Signals | None:
    """Train in the calling (main) thread, when the devices are free.

    Ctrl-C or SIGTERM stop it after the step, saved; a second signal interrupts at once. Returns
    the signal that asked it to stop, if one did.
    """
    if launchers_for(run.spec()) == (LauncherName.PROCESS,):
        raise RunError(
            f"Run {run.id} is for several processes and can't be trained in this one.",
            remedy="Launch it with --launcher process.",
        )
    with (
        own(run, kind="process") as owner,
        StopSignals() as signals,
        turn(owner, signals.asked) as is_ours,
    ):
        if is_ours:
            owner.update(state=RunState.STARTING)
            train(run, should_stop=signals.asked)
        return signals.by
