"""The dashboard as a real server process, for tests that drive it with a browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """The dashboard as `make run` starts it, on a port and with a runs folder of its own."""

    runs: Path
    roots: str
    port: int
    log: Path
    command: tuple[str, ...] = (sys.executable, "-m", "streamlit", "run", "app.py")
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the server finds in its environment beside all that is here."""
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """A server that keeps its runs in `folder` and may read what tests read."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        shared = (REPOSITORY.parent / "shared").resolve()
        roots = os.pathsep.join(str(root) for root in (REPOSITORY.parent, shared, folder))
        return cls(runs=folder / "runs", roots=roots, port=port, log=folder / "server.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def queue(self) -> Path:
        """Where its runs wait for their devices."""
        return self.runs.parent / "device-queue"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--server.port", f"{self.port}"],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    "AURORA_DASH_RUNS": str(self.runs),
                    "AURORA_DASH_ROOTS": self.roots,
                    "AURORA_DASH_QUEUE": str(self.queue),
                    **self.environment,
                },
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """End the server as Ctrl-C or a service manager would; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal_number)
        code = self.process.wait(timeout=90)
        self.process = None
        return code
