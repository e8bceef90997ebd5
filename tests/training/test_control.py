from __future__ import annotations

import threading
import time

import pytest

from aurora_dash.runs.control import Action
from aurora_dash.runs.ownership import Owner, own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.training.control import Control


@pytest.fixture
def owner(run: Run):
    with own(run) as owner:
        owner.update(state=RunState.RUNNING)
        yield owner


@pytest.fixture
def control(run: Run, owner: Owner) -> Control:
    return Control(run, owner, lambda: False)


def test_without_requests_training_goes_on(control, run) -> None:
    assert not control.wants_stop()
    assert not control.take_save()
    assert not control.wait_while_paused(pytest.fail)
    assert run.status().state is RunState.RUNNING


def test_stop_is_final_and_shown(control, run) -> None:
    run.request(Action.STOP)
    assert control.wants_stop()
    assert control.wants_stop()
    status = run.status()
    assert (status.state, status.reason) == (RunState.STOPPING, "Asked to stop.")


def test_the_callers_wish_to_stop_counts_like_a_request(run, owner) -> None:
    wish = threading.Event()
    control = Control(run, owner, wish.is_set)
    assert not control.wants_stop()
    wish.set()
    assert control.wants_stop()
    assert run.status().state is RunState.STOPPING


def test_save_is_handed_out_once(control, run) -> None:
    run.request(Action.SAVE)
    assert not control.wants_stop()
    assert control.take_save()
    assert not control.take_save()


def test_resume_before_the_pause_was_seen_undoes_it(control, run) -> None:
    run.request(Action.PAUSE)
    run.request(Action.RESUME)
    assert not control.wants_stop()
    assert not control.wait_while_paused(pytest.fail)


def test_evaluation_is_somebody_elses_and_said_so(control, run) -> None:
    run.request(Action.EVALUATE)
    assert not control.wants_stop()
    assert "evaluation is not done by the trainer" in run.events()[-1]["message"]


def _in_the_background(control: Control, saved: list[float]) -> tuple[threading.Thread, list[bool]]:
    ended: list[bool] = []

    def wait() -> None:
        ended.append(control.wait_while_paused(lambda: saved.append(time.monotonic())))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, ended


def _until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_pause_lasts_until_resumed_and_saves_meanwhile(control, run) -> None:
    run.request(Action.PAUSE)
    assert not control.wants_stop()
    saved: list[float] = []
    thread, ended = _in_the_background(control, saved)
    _until(lambda: run.status().state is RunState.PAUSED)
    run.request(Action.SAVE)
    _until(lambda: len(saved) == 1)
    assert not ended
    run.request(Action.RESUME)
    thread.join(timeout=10)
    assert ended == [True]
    assert run.status().state is RunState.RUNNING


def test_a_paused_run_can_be_stopped(control, run) -> None:
    run.request(Action.PAUSE)
    control.wants_stop()
    thread, ended = _in_the_background(control, [])
    _until(lambda: run.status().state is RunState.PAUSED)
    run.request(Action.STOP)
    thread.join(timeout=10)
    assert ended == [True]
    assert control.wants_stop()
    assert run.status().state is RunState.STOPPING
