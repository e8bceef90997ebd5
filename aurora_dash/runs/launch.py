"""Starting runs: in a thread of this process, in processes of their own, or here and now."""

from __future__ import annotations

import signal
from enum import StrEnum

from aurora_dash.errors import RunError
from aurora_dash.runs.ownership import own
from aurora_dash.runs.process import ProcessLauncher
from aurora_dash.runs.signals import StopSignals
from aurora_dash.runs.status import RunState, recorded_status
from aurora_dash.runs.store import Run
from aurora_dash.runs.thread import thread_launcher
from aurora_dash.runs.trainer import LOADING, TrainFunction, engine
from aurora_dash.runs.turn import turn
from aurora_dash.spec import RunSpec


class LauncherName(StrEnum):
    """Where a run is trained in the background."""

    THREAD = "thread"
    """In this process: begins at once, ends with it."""
    PROCESS = "process"
    """In processes of its own, which outlive this one."""


def launchers_for(spec: RunSpec) -> tuple[LauncherName, ...]:
    """The launchers that can train a spec on this machine, the usual one first."""
    if spec.distributed.nodes > 1:
        return ()
    return (LauncherName.PROCESS,) if spec.distributed.processes > 1 else tuple(LauncherName)


def launch(run: Run, launcher: LauncherName | None = None) -> None:
    """Start a run, or queue it: with that launcher, else as it was started before.

    `RunError` if somebody trains it already, or it can't be trained that way.
    """
    spec = run.spec()
    refuse_several_nodes(spec)
    possible = launchers_for(spec)
    if launcher is None:
        owner = recorded_status(run.folder).owner
        before = LauncherName(owner.kind) if owner else possible[0]
        launcher = before if before in possible else possible[0]
    if launcher not in possible:
        raise RunError(
            f"Run {run.id} can't be trained by a {launcher.value} of this server.",
            remedy=f"What can train it: {', '.join(possible)}.",
        )
    if launcher is LauncherName.PROCESS:
        ProcessLauncher().launch(run)
    else:
        thread_launcher().launch(run)


def refuse_several_nodes(spec: RunSpec) -> None:
    """`RunError` for a spec that only a cluster's scheduler can start."""
    if not launchers_for(spec):
        raise RunError(
            f"The run is for {spec.distributed.nodes} nodes, which can't be started from here.",
            remedy="`aurora-dash runs script` writes what a cluster needs, or set "
            "distributed.nodes=1.",
        )


def refuse_several_processes(spec: RunSpec) -> None:
    """`RunError` for a spec that one process can't train."""
    refuse_several_nodes(spec)
    if LauncherName.THREAD not in launchers_for(spec):
        raise RunError(
            f"The run is for {spec.distributed.processes} processes and can't be trained in one.",
            remedy="Launch it with --launcher process, or set distributed.processes=1.",
        )


def run_in_foreground(run: Run, train: TrainFunction = engine) -> signal.Signals | None:
    """Train in the calling (main) thread, when the devices are free.

    Ctrl-C or SIGTERM stop it after the step, saved; a second signal interrupts at once. Returns
    the signal that asked it to stop, if one did.
    """
    refuse_several_processes(run.spec())
    with (
        own(run, kind="process", launcher="foreground") as owner,
        StopSignals() as signals,
        turn(owner, signals.asked) as is_ours,
    ):
        if is_ours:
            owner.update(state=RunState.STARTING, waiting_for=LOADING)
            train(run, should_stop=signals.asked)
        return signals.by
