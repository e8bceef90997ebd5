"""Notices within seconds when a process of a run is lost, whatever its operations wait for."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable

from torch.distributed.distributed_c10d import Store

from aurora_dash.errors import AuroraDashError, TrainingError
from aurora_dash.runs.identity import OwnerRecord, this_process

_POLL_SECONDS = 0.5
# Counted in looks, not in time: processes that were all stopped together are no news to each other.
_SILENT_LOOKS = 120
_GRACE_SECONDS = 10.0
_EVIDENCE_SECONDS = 3.0

_REMEDY = "Resume the run: it goes on from its last checkpoint, also with fewer processes."


class Lookout:
    """A thread that watches the others through the store which brought the processes together.

    The first process watches all, the others watch it. Who is found lost is told by `lost`; a
    process that then does not end by itself, since an operation waits for the lost one, is ended.
    """

    def __init__(
        self, store: Store, rank: int, size: int, *, on_end: Callable[[TrainingError], None]
    ) -> None:
        """`on_end` has the last word of a process that can't end by itself."""
        self._store = store
        self._rank = rank
        self._size = size
        self._watched = range(1, size) if rank == 0 else range(1)
        self._on_end = on_end
        self._seen: dict[int, tuple[bytes, int]] = {}
        self._beats = 0
        self._lost: TrainingError | None = None
        self._done = threading.Event()
        store.set(f"who/{rank}", this_process("process").model_dump_json())
        self._thread = threading.Thread(target=self._watch, name="lookout", daemon=True)
        self._thread.start()

    def announce(self, error: BaseException) -> None:
        """Tell the others that this process fails."""
        message = error.message if isinstance(error, AuroraDashError) else _in_words(error)
        remedy = error.remedy if isinstance(error, AuroraDashError) else _REMEDY
        self._store.set(f"failed/{self._rank}", json.dumps({"message": message, "remedy": remedy}))

    def lost(self) -> TrainingError | None:
        """Who was lost and why, if anybody was: waits a moment for the news to come."""
        deadline = time.monotonic() + _EVIDENCE_SECONDS
        while self._lost is None and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS / 5)
        return self._lost

    def close(self) -> None:
        """Watch no longer."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._done.wait(_POLL_SECONDS):
                self._beats += 1
                self._store.set(f"beat/{self._rank}", str(self._beats))
                self._lost = next((found for r in self._watched if (found := self._look(r))), None)
                if self._lost is not None:
                    self._end(self._lost)
                    return
        except RuntimeError:
            # The store went with the launcher; broken connections still tell of lost processes.
            return

    def _look(self, rank: int) -> TrainingError | None:
        who = f"Process {rank} of {self._size}"
        failure = self._read(f"failed/{rank}")
        if failure is not None:
            told = json.loads(failure)
            return TrainingError(f"{who} failed: {told['message']}", remedy=told["remedy"])
        identity = self._read(f"who/{rank}")
        if identity is None:
            return None
        process = OwnerRecord.model_validate_json(identity)
        if process.pid_means_something_here and not process.process_exists:
            return TrainingError(
                f"{who} is gone ({process}): it was killed, or crashed.", remedy=_REMEDY
            )
        beat = self._read(f"beat/{rank}") or b""
        before, looks = self._seen.get(rank, (b"", 0))
        self._seen[rank] = (beat, looks + 1 if beat == before else 0)
        if self._seen[rank][1] < _SILENT_LOOKS:
            return None
        seconds = _SILENT_LOOKS * _POLL_SECONDS
        return TrainingError(
            f"{who} has given no sign for {seconds:.0f} s ({process}).", remedy=_REMEDY
        )

    def _read(self, key: str) -> bytes | None:
        return self._store.get(key) if self._store.check([key]) else None

    def _end(self, lost: TrainingError) -> None:
        if self._done.wait(_GRACE_SECONDS):
            return
        self._on_end(lost)
        # The thread that trains waits in an operation that nothing in this process can end.
        os._exit(1)


def _in_words(error: BaseException) -> str:
    first_line = (str(error).splitlines() or ["no message"])[0].rstrip(". ")
    return f"{type(error).__name__}: {first_line}."
