"""Which process is meant: a pid alone is reused, so its start and its machine belong to it."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict

Kind = Literal["thread", "process"]

_PROC = Path("/proc")
_START_TICKS = 19  # field 22 of /proc/<pid>/stat, counted after the parenthesised name


class OwnerRecord(BaseModel):
    """The process that owns a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    process_start: str
    """Start of the process since boot; tells it from a later one of the same pid."""
    host: str
    boot: str
    """Changes with every start of the machine; two containers of a machine share it."""
    namespace: str = ""
    """Where the pid counts: containers have numbers of their own."""
    kind: Kind = "thread"

    @property
    def is_of_this_boot(self) -> bool:
        """Whether it runs, or ran, under the kernel that we run under."""
        return self.boot == boot_id()

    @property
    def is_of_an_earlier_boot_of_this_machine(self) -> bool:
        """Whether it ran under a kernel that this machine, by its name, has left since."""
        return self.host == socket.gethostname() and not self.is_of_this_boot

    @property
    def pid_means_something_here(self) -> bool:
        """Whether its pid can be looked up from here."""
        return self.is_of_this_boot and self.namespace == pid_namespace()

    @property
    def process_exists(self) -> bool:
        """Whether that very process still runs; a zombie or a reused pid does not count."""
        return process_start(self.pid) == self.process_start

    @property
    def is_halted(self) -> bool:
        """Whether that very process was stopped (SIGSTOP) and not continued."""
        return self.pid_means_something_here and self.process_exists and _state(self.pid) == "T"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process(kind: Kind) -> OwnerRecord:
    """The record of the calling process."""
    pid = os.getpid()
    return OwnerRecord(
        pid=pid,
        process_start=process_start(pid) or "",
        host=socket.gethostname(),
        boot=boot_id(),
        namespace=pid_namespace(),
        kind=kind,
    )


def process_start(pid: int) -> str | None:
    """When a process started, as an opaque text; None if there is none or it is a zombie."""
    # The kernel counts from boot: unlike psutil's time it does not move with the wall clock.
    fields = _stat(pid)
    if fields is None:
        return None if (_PROC / "self").exists() else _process_start_portable(pid)
    return None if fields[0] in "ZX" else fields[_START_TICKS]


def _stat(pid: int) -> list[str] | None:
    """What ``/proc`` says of a process after its name; None if it says nothing."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _state(pid: int) -> str:
    """The kernel's letter for the state of a process, ``T`` for a halted one; empty if unknown."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def _process_start_portable(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


@functools.cache
def boot_id() -> str:
    """Identity of this start of the machine."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{socket.gethostname()}-{psutil.boot_time():.0f}"


@functools.cache
def started_at() -> float:
    """When this machine was started, in seconds since 1970."""
    return psutil.boot_time()


def pid_namespace() -> str:
    """Name of the space in which pids are counted; empty where there is only one."""
    try:
        return (_PROC / "self/ns/pid").readlink().name
    except OSError:
        return ""
