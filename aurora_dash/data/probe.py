"""Files are looked through in another process before a native library reads them in this one.

A damaged file can make HDF5, netCDF-C or ecCodes end the process, never return or ask for all the
memory there is. One process at a time looks through files; it is started once, takes a few
milliseconds a file, and is started anew if a file ends it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import IO

import aurora_dash

_KINDS = {"NetCDF-4 (HDF5)": "hdf5", "NetCDF classic": "classic", "GRIB": "grib"}
_SECONDS = 20.0
_SECONDS_PER_BYTE = 1 / 20e6
_REMEMBERED = 4096


def unsound(path: Path, kind: str) -> str | None:
    """Why the file, of a format such as ``GRIB``, must not be read here; None if it may be.

    The answer for an unchanged file is remembered.
    """
    status = path.stat()
    return _asked(str(path), _KINDS[kind], status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_REMEMBERED)
def _asked(path: str, kind: str, changed: int, size: int) -> str | None:
    return _PROCESS.ask(path, kind, _SECONDS + size * _SECONDS_PER_BYTE)


class _Process:
    """The other process; a forked child of this one starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        os.register_at_fork(after_in_child=self._forget)

    def ask(self, path: str, kind: str, seconds: float) -> str | None:
        request = json.dumps({"path": path, "kind": kind}).encode() + b"\n"
        with self._lock:
            process = self._running()
            stdin, stdout = _pipes(process)
            try:
                stdin.write(request)
                stdin.flush()
                ready, _, _ = select.select([stdout], [], [], seconds)
                answer = stdout.readline() if ready else None
            except BrokenPipeError:
                answer = b""
            if answer is None:
                process.kill()
                self._end(process)
                return f"the library was still busy with it after {seconds:.0f} s"
            if not answer:
                self._end(process)
                return f"the library that reads it crashed (exit code {process.returncode})"
        problem: str | None = json.loads(answer)["problem"]
        return problem

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            root = str(Path(aurora_dash.__file__).resolve().parent.parent)
            search = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aurora_dash.data.probe_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": search},
            )
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.communicate()
        self._process = None

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._process = None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


_PROCESS = _Process()
