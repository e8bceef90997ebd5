"""Waiting for a run's turn on its devices, in whatever process it is going to train."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aurora_dash.runs.control import Action
from aurora_dash.runs.devices import devices_of
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.queue import DeviceQueue, Entry, device_queue
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run

_POLL_SECONDS = 0.2


def queue_up(owner: Owner) -> None:
    """Put a run into the queue of its devices now, so that later ones get their turn later."""
    device_queue().join(owner.run.folder, devices_of(owner.run.spec()))


@contextmanager
def turn(owner: Owner, should_stop: Callable[[], bool]) -> Iterator[bool]:
    """A block in which a run has its devices; False if it is not to train after all.

    Waits for them first, as state ``queued`` with its place, and heeds requests meanwhile. A run
    that is not to train has got its last word.
    """
    queue = device_queue()
    try:
        yield _await(owner, queue, should_stop)
    finally:
        queue.leave(owner.run.folder)


def _await(owner: Owner, queue: DeviceQueue, should_stop: Callable[[], bool]) -> bool:
    run = owner.run
    devices = devices_of(run.spec())
    told: tuple[Entry, ...] = ()
    while not should_stop():
        ahead = queue.begin(run.folder, devices)
        if not ahead:
            return True
        if ahead != told:
            told = ahead
            _announce(owner, devices, ahead)
        if Action.STOP in _requests(run):
            owner.update(state=RunState.STOPPED, reason="Taken out of the queue.")
            return False
        time.sleep(_POLL_SECONDS)
    owner.update(
        state=RunState.INTERRUPTED,
        reason="Its process was stopped before this run's turn came.",
        remedy="Launch it again.",
    )
    return False


def _announce(owner: Owner, devices: tuple[str, ...], ahead: tuple[Entry, ...]) -> None:
    owner.update(
        state=RunState.QUEUED,
        queue_place=1 + sum(not entry.trains for entry in ahead),
        waiting_for=f"{', '.join(devices)}, behind {ahead[-1].run_id}",
    )


def _requests(run: Run) -> list[Action]:
    """What was asked of a run that waits; all but a stop is refused."""
    actions = run.take_requests()
    for action in actions:
        if action is not Action.STOP:
            run.log_event("warning", f"can't {action.value} a run that is queued")
    return actions
