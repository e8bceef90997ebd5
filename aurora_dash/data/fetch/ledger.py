"""The book of one fetch: every change of a piece goes to disk, and progress to whoever looks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aurora_dash.data.fetch.plan import FetchPlan, Piece
from aurora_dash.data.fetch.state import (
    STATE_FILE,
    STATUS_FILE,
    FetchState,
    FetchStatus,
    FileRecord,
    PieceState,
    Step,
    open_state,
    write_atomic,
)

Progress = Callable[[FetchStatus], None]

_TELL_SECONDS = 0.5
_HASH_BYTES = 2**20
_OPEN = (Step.WAITING, Step.SUBMITTING, Step.QUEUED, Step.RUNNING, Step.READY)


class Ledger:
    """Reads and writes ``fetch.json`` and the status of a fetch."""

    def __init__(self, plan: FetchPlan, folder: Path, progress: Progress | None = None) -> None:
        self.folder = folder
        self._plan = plan
        self._progress = progress
        self._state: FetchState = open_state(folder, plan.request)
        self._began = time.monotonic()
        self._told = 0.0
        self._partial = 0
        self._status = FetchStatus(
            state="running",
            started=datetime.now(UTC),
            pieces_total=len(plan.pieces),
            bytes_expected=plan.num_bytes,
        )
        self._verify()
        self._bytes_at_start = self._bytes_done()
        self._save()
        self.tell("Looking at what is there", at_once=True)

    def of(self, piece: Piece) -> PieceState:
        """What is known about a piece."""
        return self._state.pieces.get(piece.id, PieceState())

    def pieces(self, *steps: Step) -> list[Piece]:
        """The pieces that are at one of these steps, in the order of the plan."""
        return [piece for piece in self._plan.pieces if self.of(piece).step in steps]

    @property
    def open(self) -> list[Piece]:
        """The pieces that are neither done nor failed."""
        return self.pieces(*_OPEN)

    @property
    def jobs(self) -> set[str]:
        """The store's ids of all requests that belong to a piece."""
        return {state.job for state in self._state.pieces.values() if state.job is not None}

    @property
    def files(self) -> list[Path]:
        """All files that arrived."""
        done = (self.of(piece) for piece in self._plan.pieces)
        return [self.folder / file.name for state in done for file in state.files]

    def note(self, piece: Piece, step: Step, **changes: Any) -> None:
        """Record a step of a piece, durably."""
        before = self.of(piece)
        self._state.pieces[piece.id] = before.model_copy(update={"step": step, **changes})
        self._save()

    def deliver(self, piece: Piece, files: Sequence[Path]) -> None:
        """Record that a piece is done, with the checksums of its files."""
        records = tuple(
            FileRecord(name=f.name, num_bytes=f.stat().st_size, sha256=_sha256(f)) for f in files
        )
        self._partial = 0
        self.note(piece, Step.DONE, files=records, reason="")

    def received(self, num_bytes: int, doing: str) -> None:
        """So many bytes of the piece at hand have arrived."""
        self._partial = num_bytes
        self.tell(doing)

    def tell(self, doing: str, *, at_once: bool = False) -> None:
        """Say what is being done; not more often than twice a second."""
        now = time.monotonic()
        if at_once or now - self._told >= _TELL_SECONDS:
            self._told = now
            self._write(doing=doing)

    def end(self, state: str, reason: str = "", remedy: str = "") -> None:
        """The last word."""
        self._write(state=state, reason=reason, remedy=remedy, doing="")

    def _write(self, **changes: Any) -> None:
        steps = [self.of(piece).step for piece in self._plan.pieces]
        self._status = self._status.model_copy(
            update={
                "pieces_done": steps.count(Step.DONE),
                "queued": steps.count(Step.QUEUED),
                "running": steps.count(Step.RUNNING),
                "bytes_done": self._bytes_done(),
                "seconds_left": self._seconds_left(),
                "updated": datetime.now(UTC),
                **changes,
            }
        )
        write_atomic(self.folder / STATUS_FILE, self._status.model_dump_json(indent=2) + "\n")
        if self._progress is not None:
            self._progress(self._status)

    def _bytes_done(self) -> int:
        """In estimated bytes, so that done and expected can be compared."""
        done = sum(piece.num_bytes for piece in self.pieces(Step.DONE))
        return done + self._partial

    def _seconds_left(self) -> float | None:
        """At the pace of this run so far; None before anything has arrived."""
        arrived = self._bytes_done() - self._bytes_at_start
        if arrived <= 0:
            return None
        left = max(0, self._plan.num_bytes - self._bytes_done())
        return (time.monotonic() - self._began) * left / arrived

    def _verify(self) -> None:
        """A piece whose file is gone or of another size is to be fetched again."""
        for piece in self._plan.pieces:
            state = self.of(piece)
            if state.step is Step.DONE and not all(self._is_there(f) for f in state.files):
                state = PieceState(job=state.job, step=Step.QUEUED if state.job else Step.WAITING)
            elif state.step is Step.FAILED:
                state = PieceState()
            self._state.pieces[piece.id] = state

    def _is_there(self, file: FileRecord) -> bool:
        path = self.folder / file.name
        return path.is_file() and path.stat().st_size == file.num_bytes

    def _save(self) -> None:
        text = self._state.model_dump_json(indent=2) + "\n"
        write_atomic(self.folder / STATE_FILE, text, durable=True)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()
