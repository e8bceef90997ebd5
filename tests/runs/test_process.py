"""Runs in processes of their own: really launched, really killed, halted and left alone."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs import ending
from aurora_dash.runs.control import Action
from aurora_dash.runs.ending import continue_process, end_process, last_word
from aurora_dash.runs.identity import process_start
from aurora_dash.runs.launch import LauncherName, launch
from aurora_dash.runs.lock import LockState, probe
from aurora_dash.runs.ownership import own
from aurora_dash.runs.process import ProcessLauncher
from aurora_dash.runs.queue import device_queue
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from tests.runs import standin

Launched = Callable[..., Run]


@pytest.fixture
def launched(
    store: RunStore, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Launched]:
    """Launch a run whose trainer acts by the run's name; all its processes are gone at the end."""
    monkeypatch.setenv("PYTHONPATH", str(standin.folder(tmp_path / "standin", repository)))
    runs: list[Run] = []

    def launched(act: str, *changes: str) -> Run:
        spec = demo().with_overrides(["training.device=cpu", *changes])
        run = store.create(spec.replace(name=act))
        ProcessLauncher().launch(run)
        runs.append(run)
        return run

    yield launched
    for process in psutil.process_iter(["cmdline"]):
        if any(str(run.folder) in (process.info["cmdline"] or []) for run in runs):
            process.kill()
    for run in runs:
        _wait_for_lock(run)


@pytest.fixture
def looping(launched: Launched, wait_until) -> Run:
    """A run that trains in a process of its own until it is asked to stop."""
    run = launched("loop")
    wait_until(_is(run, "running"))
    return run


def _wait_for_lock(run: Run) -> None:
    with (run.folder / "owner.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def _supervisor(run: Run) -> psutil.Process:
    return next(
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[1:]
        == ["-m", "aurora_dash.runs.supervisor", str(run.folder)]
    )


def _is(run: Run, state: str) -> Callable[[], bool]:
    return lambda: run.status().state == state


def _ended(run: Run) -> Callable[[], bool]:
    return lambda: not run.status().is_live and probe(run.folder) is LockState.FREE


def test_a_run_trains_in_a_process_of_its_own_and_stops_on_request(
    launched: Launched, wait_until
) -> None:
    run = launched("loop")
    assert run.status().state in (RunState.QUEUED, RunState.STARTING)
    with pytest.raises(RunError, match="already being trained"):
        ProcessLauncher().launch(run)
    wait_until(_is(run, "running"))
    owner = run.status().owner
    assert owner.kind == "process"
    assert os.getsid(owner.pid) not in (os.getsid(0), owner.pid)
    assert [entry.trains for entry in device_queue().entries()] == [True]
    run.request("stop")
    wait_until(_ended(run))
    assert run.status().state is RunState.STOPPED
    assert device_queue().entries() == ()


@pytest.mark.slow
def test_the_supervisor_may_die_the_trainer_goes_on_alone_and_nobody_else_may_train(
    looping: Run, wait_until
) -> None:
    run = looping
    _supervisor(run).kill()
    wait_until(lambda: len(device_queue().entries()) == 1)
    assert run.status().state is RunState.RUNNING
    for launcher in LauncherName:
        with pytest.raises(RunError, match="already being trained"):
            launch(run, launcher)
    run.request("stop")
    wait_until(_ended(run))
    assert run.status().state is RunState.STOPPED


@pytest.mark.slow
def test_a_killed_trainer_is_interrupted_and_says_by_which_signal(looping: Run, wait_until) -> None:
    run = looping
    os.kill(run.status().owner.pid, signal.SIGKILL)
    seen = set()
    while (status := run.status()).is_live:
        seen.add(status.state)
    assert seen <= {RunState.RUNNING}
    # The first thing that is seen of its end is the supervisor's word on it.
    assert "SIGKILL" in status.reason
    wait_until(_ended(run))
    assert status.state in (RunState.INTERRUPTED, RunState.FAILED)  # failed: memory ran out
    assert status.step == 3
    assert "Resume it" in status.remedy


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("crash", "Its trainer process crashed (SIGSEGV)."),
        ("exit", "exit code 3 and no last word. Last it said: no kernel image / for this device"),
    ],
)
def test_a_trainer_that_crashes_fails_with_signal_or_last_lines(
    launched: Launched, wait_until, act: str, reason: str
) -> None:
    run = launched(act)
    wait_until(_ended(run))
    assert run.status().state is RunState.FAILED
    assert reason in run.status().reason
    assert "trainer.log" in run.status().remedy


@pytest.mark.slow
def test_what_a_trainer_leaves_behind_is_ended_with_it(launched: Launched, wait_until) -> None:
    run = launched("litter")
    wait_until(_ended(run))
    (event,) = [event for event in run.events() if "pid" in event]
    assert process_start(event["pid"]) is None


@pytest.mark.slow
def test_supervisor_and_trainer_killed_together_read_as_interrupted_and_free_the_device(
    looping: Run, launched: Launched, wait_until
) -> None:
    run = looping
    other = launched("short")
    wait_until(lambda: run.id in other.status().waiting_for)
    _supervisor(run).kill()
    os.kill(run.status().owner.pid, signal.SIGKILL)
    wait_until(_is(run, "interrupted"))
    wait_until(_is(other, "completed"))
    with own(run) as owner:
        owner.update(state="completed")
    assert run.status().state is RunState.COMPLETED


@pytest.mark.slow
def test_a_halted_trainer_is_said_to_be_and_can_be_continued_or_ended(
    looping: Run, wait_until
) -> None:
    run = looping
    pid = run.status().owner.pid
    os.kill(pid, signal.SIGSTOP)
    wait_until(_is(run, "unresponsive"))
    status = run.status()
    assert f"It was running. Its process {pid} on " in status.reason
    assert "was halted (SIGSTOP)" in status.reason
    assert status.remedy.startswith("Continue it, or end its process")
    with pytest.raises(RunError, match="already being trained"):
        ProcessLauncher().launch(run)
    continue_process(run)
    wait_until(_is(run, "running"))
    os.kill(pid, signal.SIGSTOP)
    wait_until(_is(run, "unresponsive"))
    end_process(run)
    wait_until(_ended(run))
    assert "SIGKILL" in run.status().reason
    with pytest.raises(RunError, match="no process works on it"):
        continue_process(run)


@pytest.mark.slow
def test_a_stop_that_nobody_hears_is_repeated_by_a_signal_and_then_done(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, wait_until
) -> None:
    monkeypatch.setenv("AURORA_DASH_STOP_SECONDS", "0.5")
    run = launched("deaf")
    wait_until(_is(run, "running"))
    run.request("stop")
    wait_until(_ended(run))
    status = run.status()
    assert status.state is RunState.INTERRUPTED
    assert "made no progress for 0.75 s, and its processes were ended (SIGKILL)" in status.reason
    told = [event["message"] for event in run.events() if event["level"] != "info"]
    assert told[0].endswith("asked once more, by SIGTERM")
    assert told[1].endswith("its processes are ended now (SIGKILL)")


@pytest.mark.slow
def test_a_queued_run_waits_in_its_supervisor_and_can_be_taken_out(
    looping: Run, launched: Launched, wait_until
) -> None:
    first = looping
    second, third = launched("loop"), launched("short")
    wait_until(lambda: third.status().queue_place == 2)
    second.request(Action.STOP)
    wait_until(_is(second, "stopped"))
    assert second.status().reason == "Taken out of the queue."
    _supervisor(third).terminate()
    wait_until(_is(third, "interrupted"))
    assert "before this run's turn came" in third.status().reason
    first.request("stop")
    wait_until(_ended(first))


LAUNCHING_SERVER = """
import sys
from pathlib import Path
from aurora_dash.runs.launch import LauncherName, launch
from aurora_dash.runs.store import Run
launch(Run(Path(sys.argv[1])), LauncherName.PROCESS)
print("launched", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_the_server_that_launched_it_may_be_killed(
    store: RunStore, launched: Launched, spawn, wait_until
) -> None:
    run = store.create(demo().replace(name="loop"))
    server = spawn(LAUNCHING_SERVER, run.folder)
    assert server.stdout.readline() == "launched\n"
    server.kill()
    server.wait()
    wait_until(_is(run, "running"))
    assert run.status().owner.pid != server.pid
    run.request("stop")
    wait_until(_ended(run))
    assert run.status().state is RunState.STOPPED


@pytest.mark.slow
def test_several_processes_start_through_torchrun_and_a_lost_one_is_named(
    launched: Launched, wait_until
) -> None:
    run = launched("lose", "distributed.processes=2", "training.accumulate=2")
    wait_until(_ended(run), seconds=120)
    status = run.status()
    lost = (run.folder / "rank-1").read_text()
    assert f"Process {lost} (rank 1) of the run was killed from outside (SIGKILL)" in status.reason
    assert status.state is RunState.FAILED


@pytest.mark.slow
def test_a_worker_started_by_a_cluster_makes_its_folder_and_goes_on_with_it(
    store: RunStore, launched: Launched, tmp_path: Path
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(demo().replace(name="short").to_json())
    folder = store.root / "20260101-000000-short-abcd"
    command = [sys.executable, "-m", "aurora_dash.runs.worker", str(folder), "--spec", str(path)]
    for _ in range(2):
        assert subprocess.run(command, check=False, timeout=60).returncode == 0
    (run,) = store.list()
    assert (run.id, run.status().state) == (folder.name, RunState.COMPLETED)


READ_ONLY = """
import os, sys
from pathlib import Path
from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs.launch import LauncherName, launch
from aurora_dash.runs.store import RunStore
store = RunStore(Path(sys.argv[1]))
if os.geteuid() == 0:
    os.setuid(65534)
(run,) = store.list()
actions = [lambda: launch(run, name) for name in LauncherName]
for action in (*actions, lambda: store.create(demo()), lambda: store.delete(run.id)):
    try:
        action()
    except RunError as error:
        print(error)
print(run.status().state, run.spec().name, len(run.events()))
"""


@pytest.mark.slow
def test_in_a_folder_that_cannot_be_written_launches_are_refused_and_reading_works(
    spawn,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = RunStore(Path(folder) / "runs").create(demo())
        for path in (Path(folder), run.folder.parent, run.folder):
            path.chmod(0o555)
        lines = spawn(READ_ONLY, run.folder.parent).communicate(timeout=60)[0].splitlines()
        for path in (Path(folder), run.folder.parent, run.folder):
            path.chmod(0o755)
    assert len(lines) == 5
    assert all("Can't write" in line and "permissions" in line for line in lines[:4])
    assert lines[4] == "queued demo 0"


def test_words_for_what_a_signal_did(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    killed = last_word(-9, log=log, out_of_memory=True)
    assert killed["state"] is RunState.FAILED
    assert "lack of memory" in killed["reason"]
    assert last_word(-15, log=log)["state"] is RunState.INTERRUPTED
    assert last_word(0, log=log)["state"] is RunState.INTERRUPTED
    aborted = last_word(-6, log=log)
    assert (aborted["state"], aborted["reason"]) == (
        RunState.FAILED,
        "Its trainer process crashed (SIGABRT).",
    )


def test_the_memory_kills_of_the_kernel_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vmstat").write_text("nr_free_pages 12\noom_kill 7\n")
    monkeypatch.setattr(ending, "_VMSTAT", tmp_path / "vmstat")
    assert ending.out_of_memory_kills() == 7
    monkeypatch.setattr(ending, "_VMSTAT", tmp_path / "none")
    assert ending.out_of_memory_kills() == 0


def test_a_server_is_not_ended_for_one_run(run: Run) -> None:
    with own(run) as owner:
        owner.update(state="running")
        with pytest.raises(RunError, match="trained by a server"):
            end_process(run)
        owner.update(state="completed")
