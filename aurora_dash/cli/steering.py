"""``aurora-dash runs stop`` and ``runs resume``: ending runs, and going on with them."""

from __future__ import annotations

import argparse
import json
import sys
import time

from aurora_dash.cli.launching import refuse_contradiction, train_run
from aurora_dash.cli.options import store_of
from aurora_dash.cli.output import Answer, table
from aurora_dash.cli.summary import progress_text, run_summary
from aurora_dash.errors import RunError
from aurora_dash.runs.control import Action
from aurora_dash.runs.ending import continue_process, end_process
from aurora_dash.runs.fix import change_spec, preview
from aurora_dash.runs.spec_history import changes_since_checkpoint, in_words
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run

_POLL_SECONDS = 0.1
_DEATH_SECONDS = 10.0


def stop(options: argparse.Namespace) -> Answer:
    """Leave requests, wait if asked to, and end what goes on if that is asked for too."""
    store = store_of(options)
    runs = [store.get(run_id) for run_id in options.run_ids]
    for run in runs:
        run.request(Action.STOP)
    deadline = time.monotonic() + options.wait
    while time.monotonic() < deadline and any(run.status().is_live for run in runs):
        time.sleep(_POLL_SECONDS)
    if options.force:
        for run in runs:
            _end(run)
    return _states(runs)


def _end(run: Run) -> None:
    """End the process of a run that goes on, and wait until that shows."""
    if not run.status().is_live:
        return
    end_process(run)
    deadline = time.monotonic() + _DEATH_SECONDS
    while run.status().is_live and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def resume(options: argparse.Namespace) -> Answer:
    """Let a paused or halted run go on, or train one that ended before its end."""
    refuse_contradiction(options)
    run = store_of(options).get(options.run_id)
    status = run.status()
    if options.assignments and status.is_live:
        raise RunError(
            f"Run {run.id} is {status.state.value}: its spec can't be changed now.",
            remedy=f"Stop it first: `aurora-dash runs stop {run.id} --wait 600`.",
        )
    if status.state is RunState.UNRESPONSIVE:
        continue_process(run)
        return _states([run])
    if status.state is RunState.PAUSED:
        run.request(Action.RESUME)
        return _states([run])
    if status.state is RunState.COMPLETED and not options.assignments:
        raise RunError(
            f"Run {run.id} is completed: there is nothing to resume.",
            remedy="To train further give it more steps, --set training.steps=N, or start a new "
            "run from it: model.source=run, model.run=ID.",
        )
    if not status.is_launchable:
        whose = f" already, by {status.owner}" if status.owner else ""
        raise RunError(f"Run {run.id} is {status.state.value}{whose}.", remedy=status.remedy)
    _agree_to_changes(run, options)
    return train_run(run, options)


def _agree_to_changes(run: Run, options: argparse.Namespace) -> None:
    """Show how the spec differs from what was trained with; `RunError` without a yes."""
    changed = preview(run, options.assignments)
    if not options.assignments and not changes_since_checkpoint(run):
        return
    rows = [(field, json.dumps(old), json.dumps(new)) for field, (old, new) in changed.items()]
    if rows:
        sys.stderr.write(table(("field", "until now", "from here on"), rows) + "\n")
        if not options.yes and not _says_yes():
            raise RunError(
                f"The spec of run {run.id} is changed, and nobody agreed to that: "
                f"{in_words(changed)}.",
                remedy="Add --yes to go on with it.",
            )
    change_spec(run, options.assignments)


def _says_yes() -> bool:
    """Ask, where there is somebody to answer."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("Go on with this? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _states(runs: list[Run]) -> Answer:
    summaries = [run_summary(run) for run in runs]
    text = "\n".join(f"{run.id}: {progress_text(run.status())}" for run in runs)
    return Answer(document=summaries, text=text)
