"""``python -m aurora_dash.runs.worker FOLDER``: one process of those that train a run.

Started by a supervisor, by ``torchrun``, or by a cluster's scheduler. With ``--spec`` the folder is
made first where there is none, so that a job which is started again goes on with its run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aurora_dash.errors import AuroraDashError, RunError
from aurora_dash.runs.lock import FolderLock
from aurora_dash.runs.ownership import Owner, holding
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.signals import StopSignals
from aurora_dash.runs.status import RunState, recorded_status
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.runs.trainer import LOADING, engine
from aurora_dash.spec import load_spec

_FOLDER_SECONDS = 60.0
_POLL_SECONDS = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; 0 unless the run failed (1) or can't be trained from here (2)."""
    parser = argparse.ArgumentParser(prog="aurora_dash.runs.worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spec", type=Path)
    options = parser.parse_args(arguments)
    run = Run(options.folder.absolute())
    lock = FolderLock.from_stdin(run.folder)
    try:
        with StopSignals() as signals:
            if int(os.environ.get("RANK", "0")) > 0:
                # The first process owns the folder; the others only compute.
                _await_folder(run)
                engine(run, should_stop=signals.asked)
                return 0
            if options.spec and not run.spec_path.exists():
                origin = Origin(kind="file", name=str(options.spec))
                RunStore(run.folder.parent).create(
                    load_spec(options.spec), run_id=run.id, origin=origin
                )
            with holding(_owner(run, lock)) as owner:
                owner.update(waiting_for=LOADING)
                engine(run, should_stop=signals.asked)
    except AuroraDashError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return int(recorded_status(run.folder).state is RunState.FAILED)


def _await_folder(run: Run) -> None:
    """Wait for the folder that the first process makes; `RunError` after a minute."""
    deadline = time.monotonic() + _FOLDER_SECONDS
    while not run.spec_path.exists():
        if time.monotonic() > deadline:
            raise RunError(
                f"There is no run at {run.folder}.",
                remedy="The folder must lie on a disk that all nodes share.",
            )
        time.sleep(_POLL_SECONDS)


def _owner(run: Run, lock: FolderLock | None) -> Owner:
    if lock is None:
        return Owner.take(run, "process", launcher="worker")
    return Owner.inherit(run, lock, state=RunState.STARTING, is_supervised=True)


if __name__ == "__main__":
    sys.exit(main())
