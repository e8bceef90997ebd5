"""``python -m aurora_dash.runs.supervisor FOLDER``: stays with a run from its launch to its end.

Waits for the devices, starts the trainers, sees to it that a stop is a stop, and says how they
ended if they could not. Dies it itself, they go on: they have the folder's lock from it.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from pathlib import Path

import psutil

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.control import Action, put_request
from aurora_dash.runs.ending import kill_tree, last_word, out_of_memory_kills
from aurora_dash.runs.lock import FolderLock
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.process import LOG_FILE, trainer_command
from aurora_dash.runs.signals import StopSignals
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.turn import turn
from aurora_dash.runs.watchdog import Watchdog

_POLL_SECONDS = 0.2
_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Supervise the run of the folder that is the only argument."""
    run = Run(Path(sys.argv[1]))
    lock = FolderLock.from_stdin(run.folder)
    if lock is None:
        sys.stderr.write("error: a supervisor is started by the process launcher, which owns.\n")
        return 2
    owner = Owner.inherit(run, lock, state=RunState.QUEUED)
    try:
        with StopSignals() as signals, turn(owner, signals.asked) as is_ours:
            if is_ours:
                _train(owner, signals)
        owner.release()
    except BaseException as error:
        owner.release(error)
        if isinstance(error, AuroraDashError):
            sys.stderr.write(f"error: {error}\n")
            return 2
        raise
    return 0


def _train(owner: Owner, signals: StopSignals) -> None:
    """Have the trainers train and wait for their end."""
    run, processes = owner.run, owner.run.spec().distributed.processes
    _adopt_orphans()
    owner.update(state=RunState.STARTING, waiting_for="the trainer process to begin")
    kills_before = out_of_memory_kills()
    trainers = subprocess.Popen(trainer_command(run.folder, processes), stdin=owner.lend())
    watchdog = Watchdog(run, trainers.pid)
    passed_on = False
    while trainers.poll() is None:
        if signals.asked() and not passed_on:
            put_request(run.control_folder, Action.STOP)
            passed_on = True
        watchdog.look()
        time.sleep(_POLL_SECONDS)
    for child in psutil.Process().children():
        kill_tree(child.pid)
    word = last_word(
        trainers.returncode,
        log=run.folder / LOG_FILE,
        verdict=watchdog.verdict,
        out_of_memory=out_of_memory_kills() > kills_before,
        stop_was_asked=watchdog.stop_was_asked,
    )
    # A lost rank makes torchrun stop the others, which take that for a request.
    overrules = processes > 1 and trainers.returncode != 0 and not watchdog.stop_was_asked
    owner.end_loan(word, overrules=overrules)


def _adopt_orphans() -> None:
    """Become the parent of what trainers leave behind, so that it is found and ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
