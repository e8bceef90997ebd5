"""The queue of this machine's devices, one for all servers and shells of a user.

A small file in a folder of the machine lists the runs that train or wait, in order. A run stands
in it as long as the lock of its folder is held: whoever looks strikes out those that died.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_write, utc_now, write_atomic
from aurora_dash.runs.identity import OwnerRecord, this_process
from aurora_dash.runs.lock import LockState, probe

QUEUE_VARIABLE = "AURORA_DASH_QUEUE"

_FILE = "queue.json"
_LOCK = "queue.lock"


class Entry(BaseModel):
    """A run that trains or waits."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folder: Path
    devices: tuple[str, ...]
    trains: bool = False
    owner: OwnerRecord
    since: datetime

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.folder.name

    def competes_with(self, other: Entry) -> bool:
        """Whether the two need a device in common."""
        return not set(self.devices).isdisjoint(other.devices)

    @property
    def is_alive(self) -> bool:
        """Whether somebody still owns the run."""
        lock = probe(self.folder)
        if lock is LockState.UNKNOWN:
            return self.folder.is_dir() and self.owner.process_exists
        return lock is LockState.HELD


class _Content(BaseModel):
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class DeviceQueue:
    """Runs in the order in which they get their devices."""

    folder: Path

    def join(self, run_folder: Path, devices: Sequence[str]) -> None:
        """Stand at the end, or stay where the run stands; the caller owns the run."""
        with self._changing() as entries:
            _find_or_add(entries, run_folder, devices)

    def begin(self, run_folder: Path, devices: Sequence[str]) -> tuple[Entry, ...]:
        """Get the devices if it is this run's turn; else the runs that it waits for, in order.

        A waiting run whose process was halted is passed over.
        """
        with self._changing() as entries:
            place = _find_or_add(entries, run_folder, devices)
            mine = entries[place]
            ahead = tuple(
                entry
                for number, entry in enumerate(entries)
                if number != place
                and entry.competes_with(mine)
                and (entry.trains or (number < place and not entry.owner.is_halted))
            )
            if not ahead:
                entries[place] = mine.model_copy(update={"trains": True})
            return ahead

    def leave(self, run_folder: Path) -> None:
        """Free the devices, or the place in the queue."""
        with self._changing() as entries:
            entries[:] = [entry for entry in entries if entry.folder != run_folder]

    def entries(self) -> tuple[Entry, ...]:
        """The runs that train and those that wait, in the order of their turns."""
        return tuple(entry for entry in self._read() if entry.is_alive)

    def move(self, run_folder: Path, place: int) -> None:
        """Have a waiting run wait at another place of its devices' queue, 1 being the next.

        `RunError` if it does not wait.
        """
        with self._changing() as entries:
            mine = next((e for e in entries if e.folder == run_folder and not e.trains), None)
            if mine is None:
                raise RunError(
                    f"Run {run_folder.name} does not wait for a device.",
                    remedy="`aurora-dash runs queue` lists the runs that do.",
                )
            if place < 1:
                raise RunError(f"A place in the queue is 1 or more, not {place}.")
            entries.remove(mine)
            rivals = [e for e in entries if not e.trains and e.competes_with(mine)]
            behind = rivals[place - 1] if place <= len(rivals) else None
            entries.insert(entries.index(behind) if behind else len(entries), mine)

    @contextmanager
    def _changing(self) -> Iterator[list[Entry]]:
        """The living entries, to be changed in place and written; no other process meanwhile."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = self._read()
            entries = [entry for entry in before if entry.is_alive]
            yield entries
            if tuple(entries) != before:
                content = _Content(entries=tuple(entries))
                write_atomic(self.folder / _FILE, content.model_dump_json(indent=2) + "\n")
        finally:
            os.close(descriptor)

    def _read(self) -> tuple[Entry, ...]:
        try:
            return _Content.model_validate_json((self.folder / _FILE).read_bytes()).entries
        except (FileNotFoundError, ValidationError):
            # Whoever trains or waits puts itself in again when it looks next.
            return ()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> RunError:
        problem = cannot_write(self.folder, error)
        return RunError(
            f"The queue of this machine's devices can't be kept. {problem.message}",
            remedy=f"Name another folder of this machine in {QUEUE_VARIABLE}.",
        )


def _find_or_add(entries: list[Entry], run_folder: Path, devices: Sequence[str]) -> int:
    """Where the caller's run stands now; its entry says who asks, and for what."""
    mine = Entry(
        folder=run_folder, devices=tuple(devices), owner=this_process("process"), since=utc_now()
    )
    for number, entry in enumerate(entries):
        if entry.folder == run_folder:
            kept = {"devices": mine.devices, "owner": mine.owner}
            entries[number] = entry.model_copy(update=kept)
            return number
    entries.append(mine)
    return len(entries) - 1


def place_of(entry: Entry, entries: Sequence[Entry]) -> int | None:
    """Place of a waiting run among those that wait for its devices, 1 being the next."""
    if entry.trains:
        return None
    before = entries[: [other.folder for other in entries].index(entry.folder)]
    return 1 + sum(not other.trains and other.competes_with(entry) for other in before)


def device_queue() -> DeviceQueue:
    """The queue of this machine: ``AURORA_DASH_QUEUE``, else in the folder of temporary files."""
    named = os.environ.get(QUEUE_VARIABLE)
    standard = Path(tempfile.gettempdir()) / f"aurora-dash-{os.getuid()}"
    return DeviceQueue(Path(named).expanduser() if named else standard)
