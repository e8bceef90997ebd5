"""Pieces by way of a data store's queue: submit, look, download; nothing is submitted twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from aurora_dash.data.fetch.datastore import DataStore, JobStatus
from aurora_dash.data.fetch.download import GoneError, download, unpack
from aurora_dash.data.fetch.hourly import name_hourly
from aurora_dash.data.fetch.ledger import Ledger
from aurora_dash.data.fetch.pace import Pace, ShouldStop, StoppedError, wait
from aurora_dash.data.fetch.plan import Piece
from aurora_dash.data.fetch.state import Step
from aurora_dash.errors import DataError

_ASK_AGAIN = 2
_AT_THE_STORE = (Step.QUEUED, Step.RUNNING, Step.READY)


class Queue:
    """Brings all open pieces of a ledger."""

    def __init__(
        self, ledger: Ledger, store: DataStore, pace: Pace, should_stop: ShouldStop
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._pace = pace
        self._should_stop = should_stop
        self._asked_again: Counter[str] = Counter()

    def work(self) -> None:
        """Until every piece is done or has failed; `StoppedError` if asked to."""
        pause = self._pace.poll
        while self._ledger.open:
            moved = self._submit()
            for piece in self._ledger.pieces(*_AT_THE_STORE):
                moved = self._look_after(piece) or moved
            if not self._ledger.open:
                return
            pause = (
                self._pace.poll
                if moved
                else min(pause * self._pace.poll_growth, self._pace.poll_most)
            )
            self._ledger.tell(f"Waiting at {self._store.account.host}")
            wait(0.0 if moved and self._can_submit() else pause, self._should_stop)

    def _can_submit(self) -> bool:
        waiting = self._ledger.pieces(Step.WAITING, Step.SUBMITTING)
        return bool(waiting) and len(self._ledger.pieces(*_AT_THE_STORE)) < self._pace.queued

    def _submit(self) -> bool:
        moved = False
        # What may be at the store already comes first: it would be found by a later look-up.
        for step in (Step.SUBMITTING, Step.WAITING):
            for piece in self._ledger.pieces(step):
                if not self._can_submit():
                    return moved
                self._submit_one(piece, doubtful=step is Step.SUBMITTING)
                moved = True
        return moved

    def _submit_one(self, piece: Piece, *, doubtful: bool) -> None:
        if self._should_stop():
            raise StoppedError
        self._ledger.tell(f"Submitting {piece.id}")
        self._ledger.note(piece, Step.SUBMITTING)
        try:
            job = self._store.submit(
                piece.collection, piece.inputs, known=self._ledger.jobs, doubtful=doubtful
            )
        except StoppedError:
            raise
        except DataError:
            self._ledger.note(piece, Step.WAITING)
            raise
        self._ledger.note(piece, Step.QUEUED, job=job)

    def _look_after(self, piece: Piece) -> bool:
        """Take a piece a step further; whether it moved."""
        if self._should_stop():
            raise StoppedError
        before = self._ledger.of(piece)
        assert before.job is not None
        status = self._store.status(before.job)
        if status is None:
            self._ask_again(piece)
            return True
        if status.state == "successful":
            self._bring(piece, before.job)
            return True
        return self._note(piece, before.step, status)

    def _note(self, piece: Piece, before: Step, status: JobStatus) -> bool:
        if status.state == "failed":
            self._ledger.note(piece, Step.FAILED, reason=status.reason, job=None)
            return True
        now = Step.RUNNING if status.state == "running" else Step.QUEUED
        if now is before:
            return False
        self._ledger.note(piece, now)
        return True

    def _bring(self, piece: Piece, job: str) -> None:
        self._ledger.note(piece, Step.READY)
        asset = self._store.asset(job)
        part = self._part(piece, job)
        if asset is None:
            self._ask_again(piece)
            return
        share = piece.num_bytes / max(asset.num_bytes, 1)
        try:
            download(
                asset,
                part,
                pace=self._pace,
                should_stop=self._should_stop,
                received=lambda n: self._ledger.received(int(n * share), f"Receiving {piece.id}"),
            )
        except GoneError:
            self._ask_again(piece)
            return
        files = unpack(part, self._ledger.folder, piece.id)
        name_hourly(files, piece.variables)
        self._ledger.deliver(piece, files)

    def _part(self, piece: Piece, job: str) -> Path:
        """Of another request the content may differ, so the name tells them apart."""
        return self._ledger.folder / f".{piece.id}.{job[:8]}.part"

    def _ask_again(self, piece: Piece) -> None:
        """The store dropped the request or its result, as it does after some days."""
        self._asked_again[piece.id] += 1
        if self._asked_again[piece.id] > _ASK_AGAIN:
            raise DataError(
                f"{self._store.account.host} dropped {piece.id} {_ASK_AGAIN + 1} times before it "
                "could be downloaded.",
                remedy="Look at 'Your requests' at the store, then start the same fetch again.",
            )
        job = self._ledger.of(piece).job
        if job is not None:
            self._store.forget(job)
            self._part(piece, job).unlink(missing_ok=True)
        self._ledger.note(piece, Step.WAITING, job=None)
