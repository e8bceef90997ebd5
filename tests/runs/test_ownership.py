"""One owner a run, whatever happens to processes, pids and clocks; the state shown is true."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aurora_dash.errors import RunError, TrainingError
from aurora_dash.runs import truth
from aurora_dash.runs.identity import process_start, this_process
from aurora_dash.runs.lock import LOCK_FILE, LockState, probe
from aurora_dash.runs.ownership import Owner, acting_as, own
from aurora_dash.runs.status import RunState, RunStatus, recorded_status, write_status
from aurora_dash.runs.store import Run

OWN_AND_WAIT = """
import sys
from pathlib import Path
from aurora_dash.errors import RunError
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
try:
    with own(Run(Path(sys.argv[1])), kind="process") as owner:
        owner.update(state="running", step=7)
        print("won", flush=True)
        sys.stdin.read()
        owner.update(state="completed")
except RunError as error:
    print("lost:", error, flush=True)
"""

RACE = """
import sys
from pathlib import Path
from aurora_dash.errors import RunError
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
run, signs = Run(Path(sys.argv[1])), Path(sys.argv[2])
print("ready", flush=True)
for number in range(5):
    while not (signs / f"go-{number}").exists():
        pass
    try:
        with own(run, kind="process") as owner:
            owner.update(state="running")
            print("won", flush=True)
            while not (signs / f"end-{number}").exists():
                pass
            owner.update(state="completed")
    except RunError:
        print("lost", flush=True)
"""

FORK_AND_WAIT = """
import os, sys, time
from pathlib import Path
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
with own(Run(Path(sys.argv[1])), kind="process") as owner:
    owner.update(state="running")
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
"""


ELSEWHERE = this_process("process").model_copy(update={"boot": "another", "host": "node7"})


def _rewrite_status(run: Run, **changes: object) -> None:
    write_status(run.folder, recorded_status(run.folder).model_copy(update=changes))


def test_a_killed_process_shows_as_interrupted_at_once(run: Run, spawn) -> None:
    child = spawn(OWN_AND_WAIT, run.folder)
    assert child.stdout.readline() == "won\n"
    assert run.status().state is RunState.RUNNING
    child.kill()
    killed = time.monotonic()
    # Not waited for: the child is a zombie, which has a pid and a start time still.
    while run.status().state is RunState.RUNNING:
        assert time.monotonic() - killed < 2
    status = run.status()
    assert status.state is RunState.INTERRUPTED
    assert str(child.pid) in status.reason
    assert "Resume" in status.remedy
    assert status.step == 7
    with own(run) as owner:
        owner.update(state="running")
        assert run.status().state is RunState.RUNNING


@pytest.mark.slow
def test_of_processes_that_race_for_a_folder_exactly_one_wins(
    run: Run, spawn, tmp_path: Path, wait_until
) -> None:
    children = [spawn(RACE, run.folder, tmp_path) for _ in range(3)]
    assert {child.stdout.readline() for child in children} == {"ready\n"}
    for number in range(5):
        (tmp_path / f"go-{number}").touch()
        words = [child.stdout.readline().strip() for child in children]
        assert sorted(words) == ["lost", "lost", "won"]
        assert run.status().state is RunState.RUNNING
        assert run.status().owner.pid == children[words.index("won")].pid
        (tmp_path / f"end-{number}").touch()
        wait_until(lambda: probe(run.folder) is LockState.FREE)
        assert run.status().state is RunState.COMPLETED


def test_the_loser_is_told_who_holds_the_run(run: Run, spawn) -> None:
    child = spawn(OWN_AND_WAIT, run.folder)
    child.stdout.readline()
    with pytest.raises(RunError, match=f"already being trained by process {child.pid} on"):
        Owner.take(run)


ENDED_AND_STILL_THERE = """
import sys, time
from pathlib import Path
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
with own(Run(Path(sys.argv[1]))) as owner:
    owner.update(state="stopped")
    print("stopped", flush=True)
    time.sleep(1)
"""


def test_a_run_that_has_ended_is_taken_once_its_process_is_gone(run: Run, spawn) -> None:
    child = spawn(ENDED_AND_STILL_THERE, run.folder)
    assert child.stdout.readline() == "stopped\n"
    assert probe(run.folder) is LockState.HELD
    with own(run) as owner:
        assert owner.status.owner.pid == os.getpid()
        owner.update(state="completed")


def test_two_threads_of_one_process_exclude_each_other_too(run: Run) -> None:
    with own(run):
        problems: list[Exception] = []

        def take() -> None:
            try:
                Owner.take(run)
            except RunError as error:
                problems.append(error)

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        assert len(problems) == 1


def test_looking_at_a_run_never_keeps_an_owner_out(run: Run) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            probe(run.folder)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        taken = 0
        for _ in range(20):
            with own(run) as owner:
                owner.update(state="completed")
                taken += 1
        assert taken == 20
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_a_run_that_ends_is_never_seen_as_interrupted(run: Run) -> None:
    with own(run) as owner:
        owner.update(state="completed")
    stop = threading.Event()
    seen: set[RunState] = set()

    def look() -> None:
        while not stop.is_set():
            seen.add(run.status().state)

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(100):
        with own(run) as owner:
            owner.update(state="running")
            owner.update(state="completed")
    stop.set()
    thread.join()
    assert RunState.INTERRUPTED not in seen
    assert seen <= {RunState.STARTING, RunState.RUNNING, RunState.COMPLETED}


def test_a_reused_pid_is_not_taken_for_the_owner(run: Run) -> None:
    me = this_process("process")
    _rewrite_status(run, state=RunState.RUNNING, owner=me, heartbeat=datetime.now(UTC))
    assert run.status().state is RunState.RUNNING  # no lock file: the process decides
    earlier = me.model_copy(update={"process_start": "1"})
    _rewrite_status(run, owner=earlier)
    assert run.status().state is RunState.INTERRUPTED
    assert f"process {os.getpid()}" in run.status().reason


def test_a_lock_inherited_by_a_child_does_not_hide_the_death_of_its_owner(run: Run, spawn) -> None:
    parent = spawn(FORK_AND_WAIT, run.folder)
    grandchild = int(parent.stdout.readline())
    try:
        parent.kill()
        parent.wait()
        assert probe(run.folder) is LockState.HELD
        assert run.status().state is RunState.INTERRUPTED
        with pytest.raises(RunError, match="already being trained"):
            Owner.take(run)
    finally:
        os.kill(grandchild, signal.SIGKILL)
    with own(run) as owner:
        owner.update(state="completed")
    assert run.status().state is RunState.COMPLETED


def test_letting_go_frees_the_lock_though_a_forked_child_lives(run: Run, spawn) -> None:
    own_and_fork = FORK_AND_WAIT.rpartition("    time.sleep(60)")[0]
    code = own_and_fork + (
        "    owner.update(state='completed')\nprint('released', flush=True)\ntime.sleep(60)\n"
    )
    parent = spawn(code, run.folder)
    grandchild = int(parent.stdout.readline())
    try:
        assert parent.stdout.readline() == "released\n"
        assert probe(run.folder) is LockState.FREE
    finally:
        os.kill(grandchild, signal.SIGKILL)


@pytest.mark.parametrize("shift", [timedelta(days=-2), timedelta(days=2)])
def test_a_clock_that_jumps_does_not_kill_a_live_run_of_this_machine(
    run: Run, spawn, shift: timedelta
) -> None:
    child = spawn(OWN_AND_WAIT, run.folder)
    child.stdout.readline()
    # Stopped, so that no heartbeat corrects the time that is written here.
    os.kill(child.pid, signal.SIGSTOP)
    _rewrite_status(run, heartbeat=datetime.now(UTC) + shift)
    assert run.status().state is RunState.UNRESPONSIVE
    assert "last sign of life 0 seconds ago" in run.status().reason
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert run.status().state is RunState.INTERRUPTED


def test_silence_is_measured_by_a_clock_that_nobody_sets(run: Run) -> None:
    with own(run) as owner:
        owner.update(state="running")
        for shift in (timedelta(days=-2), timedelta(days=2)):
            _rewrite_status(run, heartbeat=datetime.now(UTC) + shift)
            assert run.status().state is RunState.RUNNING
        _rewrite_status(run, heartbeat=datetime.now(UTC), beat=time.monotonic() - 9)
        status = run.status()
        assert status.state is RunState.UNRESPONSIVE
        assert f"process {os.getpid()} on" in status.reason
        assert "no sign of life for 9 seconds" in status.reason
        assert status.remedy.startswith("Wait: it may be busy, or restart that server")
        owner.update(state="completed")


@pytest.mark.parametrize("shift", [timedelta(minutes=-20), timedelta(0), timedelta(minutes=20)])
@pytest.mark.parametrize(
    ("silence", "state", "reason"),
    [
        (5, RunState.RUNNING, ""),
        (90, RunState.UNRESPONSIVE, "It was running. Nothing has come from its process"),
        (500, RunState.UNRESPONSIVE, "on node7 for 8 minutes"),
        (700, RunState.INTERRUPTED, "no sign of life from its process"),
    ],
)
def test_an_owner_elsewhere_is_known_by_what_arrives_whatever_its_clock_says(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    shift: timedelta,
    silence: float,
    state: RunState,
    reason: str,
) -> None:
    (run.folder / LOCK_FILE).touch()
    now = datetime.now(UTC) + shift
    _rewrite_status(run, state=RunState.RUNNING, owner=ELSEWHERE, heartbeat=now)
    later = time.time() + silence
    monkeypatch.setattr(time, "time", lambda: later)
    status = run.status()
    assert status.state is state
    assert reason in status.reason
    assert status.is_launchable is (state is RunState.INTERRUPTED)


def test_a_run_that_was_dead_long_before_it_was_copied_reads_as_interrupted_at_once(
    run: Run,
) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=30)
    _rewrite_status(run, state=RunState.RUNNING, owner=ELSEWHERE, heartbeat=long_ago)
    status = run.status()
    assert status.state is RunState.INTERRUPTED
    assert "on node7 was 30 hours old when it came here" in status.reason


def test_a_machine_that_was_started_anew_has_no_owner_of_before(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = this_process("thread").model_copy(update={"boot": "the boot before"})
    now = datetime.now(UTC)
    _rewrite_status(run, state=RunState.RUNNING, owner=before, heartbeat=now)
    monkeypatch.setattr(truth, "started_at", lambda: now.timestamp() + 1)
    status = run.status()
    assert status.state is RunState.INTERRUPTED
    assert f"{before.host} was started anew" in status.reason
    assert status.is_launchable


def test_a_pid_of_another_container_is_not_looked_up_here(run: Run) -> None:
    container = this_process("process").model_copy(
        update={"namespace": "pid:[1]", "pid": 999_999_999}
    )
    with own(run):
        _rewrite_status(run, owner=container)
        assert run.status().state is RunState.STARTING  # the lock is held: that is enough
        _rewrite_status(run, heartbeat=datetime.now(UTC) - timedelta(hours=1))
        assert run.status().state is RunState.STARTING
        _rewrite_status(run, state=RunState.COMPLETED)


def test_an_error_on_the_way_marks_the_run_failed_with_its_reason_and_remedy(run: Run) -> None:
    with pytest.raises(TrainingError), own(run) as owner:
        owner.update(state="running")
        raise TrainingError("The loss of 2t is NaN.", remedy="Lower the learning rate.")
    status = run.status()
    assert (status.state, status.reason) == (RunState.FAILED, "The loss of 2t is NaN.")
    assert status.remedy == "Lower the learning rate."
    assert status.ended is not None


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (ZeroDivisionError("1/0"), RunState.FAILED, "ZeroDivisionError"),
        (KeyboardInterrupt(), RunState.INTERRUPTED, "KeyboardInterrupt"),
    ],
)
def test_other_exceptions_end_a_run_with_a_reason(
    run: Run, error: BaseException, state: RunState, reason: str
) -> None:
    with pytest.raises(type(error)), own(run):
        raise error
    assert run.status().state is state
    assert reason in run.status().reason


def test_leaving_without_a_last_word_is_an_interruption(run: Run) -> None:
    with own(run):
        pass
    assert run.status().state is RunState.INTERRUPTED


def test_the_state_that_training_ended_with_is_kept(run: Run) -> None:
    with pytest.raises(RuntimeError), own(run) as owner:
        owner.update(state="stopped", reason="Asked to.")
        raise RuntimeError("after the end")
    assert (run.status().state, run.status().reason) == (RunState.STOPPED, "Asked to.")


def test_times_and_reasons_follow_the_state(run: Run) -> None:
    created = run.status().created
    with own(run) as owner:
        owner.update(state="running", device="cpu", seconds_left=9.0)
        running = run.status()
        owner.update(state="paused", reason="Asked to.")
        owner.update(state="running")
        assert (run.status().reason, run.status().started) == ("", running.started)
        owner.update(state="completed")
    ended = run.status()
    assert created == running.created == ended.created
    assert running.started is not None and running.ended is None
    assert created <= running.started <= ended.ended
    assert (ended.seconds_left, ended.device) == (None, "cpu")


def test_a_later_owner_starts_with_a_clean_reason_and_the_old_progress(run: Run) -> None:
    with pytest.raises(TrainingError), own(run) as owner:
        owner.update(state="running", step=40, best_loss=0.5)
        raise TrainingError("Out of memory.")
    with own(run) as owner:
        status = run.status()
        assert (status.state, status.reason, status.ended) == (RunState.STARTING, "", None)
        assert (status.step, status.best_loss) == (40, 0.5)
        owner.update(state="completed")


def test_the_heartbeat_beats_and_survives_a_status_it_cannot_write(
    run: Run, quick_heartbeat: None, wait_until
) -> None:
    with own(run) as owner:
        owner.update(state="running")
        first = run.status().heartbeat
        wait_until(lambda: run.status().heartbeat > first)
        moved = run.folder.rename(run.folder.with_name("moved"))
        time.sleep(0.1)
        moved.rename(run.folder)
        again = run.status().heartbeat
        wait_until(lambda: run.status().heartbeat > again)
        assert first < again
        assert run.status().state is RunState.RUNNING
        owner.update(state="completed")


def test_progress_and_heartbeat_do_not_overwrite_each_other(
    run: Run, quick_heartbeat: None
) -> None:
    with own(run) as owner:
        owner.update(state="running")
        for step in range(300):
            owner.update(step=step, last_loss=float("nan"))
            assert run.status().step == step
        assert json.loads((run.folder / "status.json").read_text())["last_loss"] is None
        owner.update(state="completed")


def test_an_inner_owner_is_the_one_handed_down(run: Run, store) -> None:
    owner = Owner.take(run)
    other = store.create(run.spec())
    with acting_as(owner):
        with own(run) as inner:
            assert inner is owner
        assert probe(run.folder) is LockState.HELD
        with own(other) as inner:
            assert inner is not owner
            inner.update(state="completed")
    owner.update(state="completed")
    owner.release()
    owner.release()
    assert probe(run.folder) is LockState.FREE
    with pytest.raises(RunError, match="let go"):
        owner.update(step=1)


def test_a_field_that_does_not_exist_is_refused(run: Run) -> None:
    with own(run) as owner:
        with pytest.raises(TypeError, match="lost"):
            owner.update(lost=1)
        with pytest.raises(ValueError, match="sleeping"):
            owner.update(state="sleeping")


def test_requests_from_before_are_void(run: Run) -> None:
    with own(run):
        run.request("stop")
    with own(run) as owner:
        assert run.take_requests() == []
        owner.update(state="completed")


def test_a_run_whose_folder_is_gone_is_refused(run: Run) -> None:
    gone = Run(run.folder.with_name("gone"))
    with pytest.raises(RunError, match="gone"):
        Owner.take(gone)
    assert not gone.folder.exists()


def test_damaged_or_missing_status_reads_as_failed_with_the_problem_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = run.folder / "status.json"
    text = path.read_text()
    now = time.time
    for damage in ("", "{", "[]", '{"state": "dancing"}', "\x00" * 50, text[: len(text) // 2]):
        monkeypatch.setattr(time, "time", now)
        path.write_text(damage)
        # It may be half of a copy: that is known a minute later.
        assert run.status().state is RunState.ARRIVING
        assert not run.status().is_launchable
        monkeypatch.setattr(time, "time", lambda: now() + 61)
        assert run.status().state is RunState.FAILED
        assert "status.json is damaged" in run.status().reason
    path.unlink()
    assert "no status.json" in run.status().reason


def test_fields_of_a_newer_version_are_ignored(run: Run) -> None:
    path = run.folder / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "good"}))
    assert run.status().state is RunState.QUEUED


def test_launchable_is_what_nobody_works_on() -> None:
    owner = this_process("thread")
    assert RunStatus(state=RunState.QUEUED).is_launchable
    assert not RunStatus(state=RunState.QUEUED, owner=owner).is_launchable
    assert not RunStatus(state=RunState.PAUSED, owner=owner).is_launchable
    for state in ("stopped", "completed", "failed", "interrupted"):
        assert RunStatus(state=RunState(state), owner=owner).is_launchable


def test_a_zombie_and_a_free_pid_have_no_start(spawn) -> None:
    child = spawn("pass")
    child.stdout.read()
    deadline = time.monotonic() + 5
    while process_start(child.pid) is not None:
        assert time.monotonic() < deadline
    child.wait()
    assert process_start(child.pid) is None
    assert process_start(os.getpid()) == process_start(os.getpid())
