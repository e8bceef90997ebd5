"""Where a command trains: in its own process, or in one that goes on without it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import Any

from aurora_dash.cli.options import Parser, UsageError
from aurora_dash.cli.output import Answer, number
from aurora_dash.cli.progress import watching
from aurora_dash.cli.summary import losses, progress_text, run_summary
from aurora_dash.runs.control import Action
from aurora_dash.runs.launch import (
    LauncherName,
    launch,
    launchers_for,
    refuse_several_nodes,
    refuse_several_processes,
    run_in_foreground,
)
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.truth import await_release
from aurora_dash.spec import RunSpec

FOREGROUND = "foreground"
_POLL_SECONDS = 0.2


def add_launch_options(parser: Parser) -> None:
    """``--launcher`` and ``--detach``, read by `train_run`."""
    parser.add_argument(
        "--launcher",
        choices=(FOREGROUND, LauncherName.PROCESS.value),
        help="train in this process, or in processes of the run's own, which a closed terminal "
        "and a crash of this one leave alone (default: foreground; process for several)",
    )
    parser.add_argument(
        "--detach",
        action="store_true",
        help="return once the run is launched or queued; it is trained by processes of its own",
    )


def train_run(run: Run, options: argparse.Namespace) -> Answer:
    """Train a run where the options say, and report how it ended or that it was launched."""
    sys.stderr.write(f"run {run.id}\n")
    if options.detach:
        launch(run, LauncherName.PROCESS)
        text = f"{run.id} {run.status().state.value}; `aurora-dash runs show {run.id}` tells more."
        return Answer(document=run_summary(run), text=f"{text}\n{run.folder}")
    asked = _in_foreground(run) if _launcher(run, options) == FOREGROUND else _in_process(run)
    return _ended(run, asked)


def refuse_contradiction(options: argparse.Namespace) -> None:
    """`UsageError` for a run that is to be left alone in this very process."""
    if options.detach and options.launcher == FOREGROUND:
        raise UsageError(
            "--detach leaves a run alone, and --launcher foreground trains it in this process.",
            remedy="Choose one of the two.",
        )


def refuse_unlaunchable(spec: RunSpec, options: argparse.Namespace) -> None:
    """`RunError`, before a run is made, for one that can't be trained where the options say."""
    refuse_several_nodes(spec)
    if options.launcher == FOREGROUND:
        refuse_several_processes(spec)


def _launcher(run: Run, options: argparse.Namespace) -> str:
    usual = FOREGROUND if LauncherName.THREAD in launchers_for(run.spec()) else "process"
    return str(options.launcher or usual)


def _in_foreground(run: Run) -> signal.Signals | None:
    with watching(lambda: progress_text(run.status())):
        return run_in_foreground(run)


def _in_process(run: Run) -> signal.Signals | None:
    """Launch, and watch to the end; Ctrl-C asks it to stop, a second one leaves it alone."""
    launch(run, LauncherName.PROCESS)
    with watching(lambda: progress_text(run.status())):
        try:
            _await_end(run)
        except KeyboardInterrupt:
            run.request(Action.STOP)
            _await_end(run)
            return signal.SIGINT
    return None


def _await_end(run: Run) -> None:
    """Until nobody is at work on the run, nor about to say how it ended."""
    while run.status().is_live:
        time.sleep(_POLL_SECONDS)
    await_release(run.folder)


def _ended(run: Run, asked: signal.Signals | None) -> Answer:
    summary = {**run_summary(run), **losses(run)}
    lines = [
        f"{summary['run_id']} {summary['state']} after {summary['steps']} steps. "
        f"{summary['reason']} {summary['remedy']}".strip(),
        f"train loss {number(summary['final_loss'])}, "
        f"best {number(summary['best_training_loss'])}; "
        f"validation {number(summary['final_validation_loss'])}, "
        f"best {number(summary['best_validation_loss'])}{_persistence(summary)}",
        _trained(summary["num_trainable"], summary["num_parameters"]),
        summary["folder"],
    ]
    text = "\n".join(line for line in lines if line)
    return Answer(document=summary, text=text, exit_code=_exit_code(summary["state"], asked))


def _exit_code(state: str, asked: int | None) -> int:
    """1 for a failed run; as shells have it for one that a signal stopped: 130 after Ctrl-C."""
    if state == RunState.FAILED:
        return 1
    stopped = state in (RunState.STOPPED, RunState.INTERRUPTED)
    return 128 + asked if asked is not None and stopped else 0


def _persistence(summary: dict[str, Any]) -> str:
    """The loss of repeating the last input, where it was measured."""
    loss = summary["persistence_validation_loss"]
    return "" if loss is None else f", persistence {number(loss)}"


def _trained(trainable: int | None, total: int | None) -> str:
    if trainable is None or total is None:
        return ""
    return f"{trainable:,} of {total:,} parameters trained"
