"""Training in processes of their own, which outlive the server that launched them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from aurora_dash.errors import AuroraDashError, RunError
from aurora_dash.runs.files import cannot_write
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.turn import queue_up

LOG_FILE = "trainer.log"


class ProcessLauncher:
    """Starts a supervisor, which waits for the devices, starts the trainers and watches them."""

    def launch(self, run: Run) -> None:
        """Start a run, or queue it behind those of its devices.

        The run is owned from here on: its lock is handed down to the supervisor.
        """
        owner = Owner.take(run, "process", state=RunState.QUEUED, launcher="process")
        try:
            queue_up(owner)
            lock = owner.lend()
            supervisor = _start(run, lock)
        except AuroraDashError as error:
            owner.release(error)
            raise
        owner.forget()
        # Nobody asks how it ended, but a process that nobody waits for stays as a zombie.
        threading.Thread(target=supervisor.wait, name=f"reaps {run.id}", daemon=True).start()


def _start(run: Run, lock: int) -> subprocess.Popen[bytes]:
    path = run.folder / LOG_FILE
    try:
        with path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "aurora_dash.runs.supervisor", str(run.folder)],
                stdin=lock,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
    except OSError as error:
        if error.filename == str(path):
            raise cannot_write(path, error) from error
        raise RunError(f"Can't start a process: {error.strerror or error}.") from error


def _environment() -> dict[str, str]:
    """Ours, with this package to be found, also where it is not installed."""
    package = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    # OpenMP threads that spin while they wait starve other runs on the same cores.
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": search}


def trainer_command(folder: Path, processes: int) -> list[str]:
    """The command that trains a run: plain Python for one process, else ``torchrun``."""
    worker = ["-m", "aurora_dash.runs.worker", str(folder)]
    if processes == 1:
        return [sys.executable, *worker]
    return [
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--nnodes", "1", "--nproc-per-node", str(processes), "--max-restarts", "0"),
        # Port 0: a free one.
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"),
        *worker,
    ]
