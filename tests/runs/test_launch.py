"""Launchers, with stand-ins for the training engine: order, queue, stop, shutdown, crashes."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs.control import Action
from aurora_dash.runs.devices import device_key
from aurora_dash.runs.launch import LauncherName, launch, run_in_foreground
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.runs.thread import ThreadLauncher


class FakeEngine:
    """Owns the run as the engine does and works until it is told to end."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.at_work = 0
        self.most_at_work = 0
        self.finish: dict[str, threading.Event] = {}

    def __call__(self, run: Run, *, should_stop: Callable[[], bool]) -> None:
        with own(run) as owner:
            self.order.append(run.id)
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
            owner.update(state="running", total_steps=10)
            asked = False
            while not (asked or should_stop() or self._finish(run).wait(0.005)):
                asked = "stop" in run.take_requests()
            self.at_work -= 1
            owner.update(state="completed" if self._finish(run).is_set() else "stopped")

    def _finish(self, run: Run) -> threading.Event:
        return self.finish.setdefault(run.id, threading.Event())

    def end(self, run: Run) -> None:
        self._finish(run).set()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def launcher(engine: FakeEngine, quick_heartbeat: None) -> Iterator[ThreadLauncher]:
    launcher = ThreadLauncher(engine)
    yield launcher
    assert launcher.shutdown(timeout=20)


def _states(*runs: Run) -> list[str]:
    return [run.status().state.value for run in runs]


def test_runs_of_a_device_go_one_at_a_time_in_the_order_of_launch(
    store: RunStore, launcher: ThreadLauncher, engine: FakeEngine, wait_until
) -> None:
    runs = [store.create(demo().with_overrides(["training.device=cpu"])) for _ in range(3)]
    first, second, third = runs
    for run in runs:
        launcher.launch(run)
    wait_until(lambda: _states(*runs) == ["running", "queued", "queued"])
    wait_until(lambda: [run.status().queue_place for run in runs] == [None, 1, 2])
    assert second.status().waiting_for == f"cpu, behind {first.id}"
    assert third.status().waiting_for == f"cpu, behind {second.id}"
    engine.end(first)
    wait_until(lambda: _states(*runs) == ["completed", "running", "queued"])
    wait_until(lambda: third.status().queue_place == 1)
    assert (second.status().queue_place, second.status().waiting_for) == (None, "")
    engine.end(second)
    engine.end(third)
    wait_until(lambda: _states(*runs) == ["completed"] * 3)
    assert engine.order == [run.id for run in runs]
    assert engine.most_at_work == 1


def test_devices_do_not_wait_for_each_other(
    store: RunStore, launcher: ThreadLauncher, engine: FakeEngine, wait_until
) -> None:
    runs = [
        store.create(demo().with_overrides([f"training.device={device}"]))
        for device in ("cpu", "cuda:0", "cuda:1")
    ]
    for run in runs:
        launcher.launch(run)
    wait_until(lambda: _states(*runs) == ["running"] * 3)
    assert engine.most_at_work == 3
    assert [run.status().queue_place for run in runs] == [None] * 3


def test_a_queued_run_can_be_stopped_and_the_next_moves_up(
    store: RunStore, launcher: ThreadLauncher, engine: FakeEngine, wait_until
) -> None:
    runs = [store.create(demo()) for _ in range(3)]
    for run in runs:
        launcher.launch(run)
    runs[1].request("pause")
    runs[1].request("stop")
    wait_until(lambda: _states(*runs) == ["running", "stopped", "queued"])
    assert runs[1].status().reason == "Taken out of the queue."
    assert "can't pause a run that is queued" in [e["message"] for e in runs[1].events()]
    wait_until(lambda: runs[2].status().queue_place == 1)
    engine.end(runs[0])
    wait_until(lambda: runs[2].status().state is RunState.RUNNING)
    with own(runs[1]) as owner:  # nobody holds on to it
        owner.update(state="completed")
    assert runs[1].id not in engine.order


def test_the_requests_to_a_run_at_work_are_left_to_its_engine(
    store: RunStore, quick_heartbeat: None, wait_until
) -> None:
    heard: list[Action] = []

    def late_listener(run: Run, *, should_stop: Callable[[], bool]) -> None:
        with own(run) as owner:
            owner.update(state="running")
            wait_until(lambda: any(run.control_folder.glob("*.request")))
            time.sleep(0.2)  # ten heartbeats, of which none may take the request away
            heard.extend(run.take_requests())
            owner.update(state="stopped")

    launcher, run = ThreadLauncher(late_listener), store.create(demo())
    launcher.launch(run)
    wait_until(lambda: run.status().state is RunState.RUNNING)
    run.request("stop")
    wait_until(lambda: run.status().state is RunState.STOPPED)
    assert heard == [Action.STOP]
    assert launcher.shutdown(timeout=20)


def test_a_run_is_not_launched_twice(
    store: RunStore, launcher: ThreadLauncher, engine: FakeEngine, wait_until
) -> None:
    run, queued = store.create(demo()), store.create(demo())
    launcher.launch(run)
    launcher.launch(queued)
    for again in (run, queued):
        with pytest.raises(RunError, match="already being trained"):
            ThreadLauncher(engine).launch(again)
    engine.end(run)
    engine.end(queued)
    wait_until(lambda: _states(run, queued) == ["completed", "completed"])
    assert engine.order == [run.id, queued.id]


def test_a_stopped_run_can_be_launched_again(
    store: RunStore, launcher: ThreadLauncher, engine: FakeEngine, wait_until
) -> None:
    run = store.create(demo())
    launcher.launch(run)
    wait_until(lambda: run.status().state is RunState.RUNNING)
    run.request("stop")
    wait_until(lambda: run.status().state is RunState.STOPPED)
    engine.end(run)
    wait_until(lambda: _relaunched(launcher, run))
    wait_until(lambda: run.status().state is RunState.COMPLETED)
    assert engine.order == [run.id, run.id]


def _relaunched(launcher: ThreadLauncher, run: Run) -> bool:
    try:
        launcher.launch(run)
    except RunError:
        return False  # it has said its last word but not let go yet
    return True


def test_shutdown_stops_what_runs_and_lets_the_queue_go(
    store: RunStore, engine: FakeEngine, wait_until
) -> None:
    launcher = ThreadLauncher(engine)
    running, queued = store.create(demo()), store.create(demo())
    launcher.launch(running)
    launcher.launch(queued)
    wait_until(lambda: _states(running, queued) == ["running", "queued"])
    assert launcher.shutdown(timeout=20)
    assert _states(running, queued) == ["interrupted", "interrupted"]
    assert running.status().reason == "The server was stopped."
    assert "turn" in queued.status().reason
    assert engine.order == [running.id]
    with pytest.raises(RunError, match="shutting down"):
        launcher.launch(store.create(demo()))
    assert launcher.shutdown(timeout=1)


def test_shutdown_says_when_a_thread_does_not_end(store: RunStore, wait_until) -> None:
    release = threading.Event()

    def deaf(run: Run, *, should_stop: Callable[[], bool]) -> None:
        with own(run) as owner:
            owner.update(state="running")
            release.wait(20)
            owner.update(state="completed")

    launcher, run = ThreadLauncher(deaf), store.create(demo())
    launcher.launch(run)
    wait_until(lambda: run.status().state is RunState.RUNNING)
    assert not launcher.shutdown(timeout=0.05)
    release.set()
    assert launcher.shutdown(timeout=20)
    assert run.status().state is RunState.COMPLETED


def test_a_crash_fails_its_run_with_a_traceback_in_the_events_and_the_next_goes_on(
    store: RunStore, wait_until
) -> None:
    def crashing(run: Run, *, should_stop: Callable[[], bool]) -> None:
        with own(run) as owner:
            owner.update(state="running")
            if run.spec().name == "bad":
                raise ZeroDivisionError("no luck")
            owner.update(state="completed")

    launcher = ThreadLauncher(crashing)
    bad, good = store.create(demo().replace(name="bad")), store.create(demo())
    launcher.launch(bad)
    launcher.launch(good)
    wait_until(lambda: _states(bad, good) == ["failed", "completed"])
    assert bad.status().reason == "Unexpected ZeroDivisionError: no luck"
    (event,) = bad.events()
    assert "in crashing" in event["traceback"]
    assert launcher.shutdown(timeout=20)


def test_what_cannot_load_in_a_server_that_ends_is_interrupted_and_not_failed(
    store: RunStore, wait_until
) -> None:
    def loading(run: Run, *, should_stop: Callable[[], bool]) -> None:
        wait_until(should_stop)
        raise RuntimeError("can't register atexit after shutdown")

    launcher, run = ThreadLauncher(loading), store.create(demo())
    launcher.launch(run)
    wait_until(lambda: run.status().state is RunState.STARTING)
    assert launcher.shutdown(timeout=20)
    assert (run.status().state, run.status().reason) == (
        RunState.INTERRUPTED,
        "The server was stopped.",
    )
    assert run.status().is_launchable


def test_threads_end_when_there_is_nothing_left_to_train(
    store: RunStore, launcher: ThreadLauncher, engine: FakeEngine, wait_until
) -> None:
    run = store.create(demo())
    launcher.launch(run)
    engine.end(run)
    names = {f"training {run.id}", f"heartbeat {run.id}"}
    wait_until(lambda: not names & {thread.name for thread in threading.enumerate()})
    assert run.status().state is RunState.COMPLETED
    # A launcher whose threads have ended still takes runs.
    later = store.create(demo())
    launcher.launch(later)
    assert f"training {later.id}" in {thread.name for thread in threading.enumerate()}
    engine.end(later)


@pytest.mark.parametrize(
    ("device", "key"), [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")]
)
def test_device_keys(device: str, key: str) -> None:
    assert device_key(device) == key


def test_a_gpu_is_counted_as_the_machine_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5f")
    assert device_key("cuda") == "cuda:2"
    assert device_key("cuda:1") == "cuda:GPU-5f"
    assert device_key("cuda:7") == "cuda:7"


def test_auto_is_the_cpu_where_gpus_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_key("auto") == "cpu"


def test_several_processes_are_not_trained_in_a_thread_nor_in_the_foreground(
    store: RunStore,
) -> None:
    changes = ["distributed.processes=2", "training.accumulate=2"]
    run = store.create(demo().with_overrides(changes))
    with pytest.raises(RunError, match="can't be trained by a thread"):
        launch(run, LauncherName.THREAD)
    with pytest.raises(RunError, match="for 2 processes"):
        run_in_foreground(run)
    assert run.status().is_launchable


def test_several_nodes_are_not_started_from_here(store: RunStore) -> None:
    changes = ["distributed.nodes=2", "training.accumulate=2"]
    run = store.create(demo().with_overrides(changes))
    for start in (launch, run_in_foreground):
        with pytest.raises(RunError, match="for 2 nodes"):
            start(run)


FOREGROUND = """
import sys, time
from pathlib import Path
from aurora_dash.runs.control import Action
from aurora_dash.runs.launch import run_in_foreground
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run

def train(run, *, should_stop):
    with own(run) as owner:
        owner.update(state="running")
        sys.stdout.write("running\\n")
        sys.stdout.flush()
        while not should_stop() or "deaf" in sys.argv:
            time.sleep(0.01)
        owner.update(state="stopped", reason="Asked to.")

run_in_foreground(Run(Path(sys.argv[1])), train)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_foreground_run_after_its_step(run: Run, spawn, number: int) -> None:
    child = spawn(FOREGROUND, run.folder)
    assert child.stdout.readline() == "running\n"
    assert run.status().owner.kind == "process"
    child.send_signal(number)
    assert child.wait(timeout=20) == 0
    assert run.status().state is RunState.STOPPED


def test_a_second_signal_interrupts_at_once(run: Run, spawn) -> None:
    child = spawn(FOREGROUND, run.folder, "deaf")
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)
    # Two signals that arrive together may be delivered as one.
    try:
        child.wait(timeout=1)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) != 0
    assert run.status().state is RunState.INTERRUPTED


SERVER = """
import sys, time, types
from pathlib import Path
from aurora_dash.runs import launch
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run

def train(run, *, should_stop):
    with own(run) as owner:
        owner.update(state="running")
        sys.stdout.write("running\\n")
        sys.stdout.flush()
        while not should_stop():
            time.sleep(0.01)
        owner.update(state="stopped")

sys.modules["aurora_dash.training.engine"] = types.SimpleNamespace(train=train)
launch.launch(Run(Path(sys.argv[1])))
sys.stdin.read()
"""


def test_the_end_of_the_process_stops_its_threads_and_says_so(run: Run, spawn) -> None:
    child = spawn(SERVER, run.folder)
    assert child.stdout.readline() == "running\n"
    child.communicate("", timeout=20)
    assert child.returncode == 0
    status = run.status()
    assert (status.state, status.reason) == (RunState.INTERRUPTED, "The server was stopped.")


def test_a_killed_server_leaves_no_run_shown_as_running_or_queued(
    run: Run, store: RunStore, spawn
) -> None:
    queued = store.create(demo())
    code = SERVER.replace(
        "sys.stdin.read()",
        "launch.launch(Run(Path(sys.argv[2])))\n"
        "sys.stdout.write('both\\n'); sys.stdout.flush(); sys.stdin.read()",
    )
    child = spawn(code, run.folder, queued.folder)
    assert sorted([child.stdout.readline(), child.stdout.readline()]) == ["both\n", "running\n"]
    assert _states(run, queued) == ["running", "queued"]
    child.kill()
    child.wait()
    assert _states(run, queued) == ["interrupted", "interrupted"]
