"""One of several processes, started by ``torchrun``: trains the runs whose folders are given.

With ``FAULT=<rank>:<step>:<kind>`` that process comes to harm when it takes that step's batch.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from aurora_dash.runs.signals import StopSignals
from aurora_dash.runs.store import Run
from aurora_dash.training import engine
from aurora_dash.training.loader import TrainingBatches


class _Harmed(TrainingBatches):
    def take(self, step: int):
        rank, at, kind = os.environ["FAULT"].split(":")
        inputs, targets = super().take(step)
        if os.environ["RANK"] == rank and step == int(at):
            if kind == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "raise":
                raise ValueError("a shelf fell over")
            for values in inputs.surf_vars.values():
                values[:] = float("nan")
        return inputs, targets


if __name__ == "__main__":
    if "FAULT" in os.environ:
        engine.TrainingBatches = _Harmed
    runs = [Run(Path(folder)) for folder in sys.argv[1:]]
    # As every worker has it: torchrun ends the others with a signal when one is lost.
    with StopSignals() as signals:
        results = [engine.train(run, should_stop=signals.asked) for run in runs]
    sys.stdout.write(f"rank {os.environ['RANK']}: {[r.state.value for r in results]}\n")
