"""The queue of a machine's devices: order, several devices, deaths, places; across processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.presets import demo
from aurora_dash.runs.devices import devices_of
from aurora_dash.runs.identity import process_start
from aurora_dash.runs.lock import FolderLock
from aurora_dash.runs.ownership import own
from aurora_dash.runs.queue import QUEUE_VARIABLE, DeviceQueue, device_queue, place_of
from aurora_dash.runs.store import Run, RunStore


@pytest.fixture
def queue(tmp_path: Path) -> DeviceQueue:
    return DeviceQueue(tmp_path / "queue")


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[list[Path]]:
    """Folders of four runs that are owned, as those that stand in a queue are."""
    made = [tmp_path / name for name in "abcd"]
    for folder in made:
        folder.mkdir()
    locks = [lock for folder in made if (lock := FolderLock.take(folder))]
    yield made
    for lock in locks:
        lock.release()


def _names(entries) -> str:
    return "".join(entry.run_id for entry in entries)


def test_the_first_gets_its_device_and_the_others_wait_in_order(
    queue: DeviceQueue, folders: list[Path]
) -> None:
    a, b, c, d = folders
    assert queue.begin(a, ["cpu"]) == ()
    assert _names(queue.begin(b, ["cpu"])) == "a"
    assert _names(queue.begin(c, ["cpu"])) == "ab"
    assert queue.begin(d, ["cuda:0"]) == ()
    queue.leave(a)
    assert _names(queue.begin(c, ["cpu"])) == "b"
    assert queue.begin(b, ["cpu"]) == ()
    assert _names(queue.begin(c, ["cpu"])) == "b"


def test_a_run_on_several_devices_waits_for_all_and_is_not_overtaken(
    queue: DeviceQueue, folders: list[Path]
) -> None:
    a, b, c, d = folders
    assert queue.begin(a, ["cuda:0"]) == ()
    assert _names(queue.begin(b, ["cuda:0", "cuda:1"])) == "a"
    assert _names(queue.begin(c, ["cuda:1"])) == "b"
    assert queue.begin(d, ["cuda:2"]) == ()
    queue.leave(a)
    assert queue.begin(b, ["cuda:0", "cuda:1"]) == ()
    assert _names(queue.begin(c, ["cuda:1"])) == "b"


def test_places_are_counted_by_device_and_can_be_changed(
    queue: DeviceQueue, folders: list[Path]
) -> None:
    a, b, c, d = folders
    for folder, device in ((a, "cpu"), (b, "cpu"), (c, "cuda:0"), (d, "cpu")):
        queue.join(folder, [device])
    assert queue.begin(a, ["cpu"]) == ()
    entries = queue.entries()
    assert [place_of(entry, entries) for entry in entries] == [None, 1, 1, 2]
    queue.move(d, 1)
    assert _names(queue.begin(b, ["cpu"])) == "ad"
    queue.move(d, 7)
    assert _names(queue.begin(d, ["cpu"])) == "ab"
    with pytest.raises(RunError, match="1 or more, not 0"):
        queue.move(d, 0)
    with pytest.raises(RunError, match="Run a does not wait"):
        queue.move(a, 2)


def test_who_let_go_of_its_run_is_struck_out(queue: DeviceQueue, tmp_path: Path) -> None:
    folder, other = tmp_path / "dead", tmp_path / "alive"
    folder.mkdir()
    other.mkdir()
    lock, _held = FolderLock.take(folder), FolderLock.take(other)
    assert lock
    assert queue.begin(folder, ["cpu"]) == ()
    assert _names(queue.begin(other, ["cpu"])) == "dead"
    lock.release()
    assert queue.begin(other, ["cpu"]) == ()
    assert _names(queue.entries()) == "alive"


@pytest.mark.parametrize("damage", ["", "{", '{"entries": [{"folder": 1}]}', None])
def test_a_lost_or_damaged_file_heals_as_those_in_it_look_again(
    queue: DeviceQueue, folders: list[Path], damage: str | None
) -> None:
    a, b, *_ = folders
    assert queue.begin(a, ["cpu"]) == ()
    file = queue.folder / "queue.json"
    file.unlink() if damage is None else file.write_text(damage)
    assert queue.entries() == ()
    queue.join(a, ["cpu"])
    assert _names(queue.begin(b, ["cpu"])) == "a"


def test_a_folder_that_cannot_be_made_is_refused_with_the_way_out(
    tmp_path: Path, folders: list[Path]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="queue of this machine's devices") as caught:
        DeviceQueue(tmp_path / "file" / "queue").join(folders[0], ["cpu"])
    assert QUEUE_VARIABLE in caught.value.remedy


def test_the_queue_of_the_machine_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(QUEUE_VARIABLE)
    assert device_queue().folder.name == f"aurora-dash-{os.getuid()}"


def test_several_processes_take_as_many_gpus_and_one_cpu() -> None:
    changes = ["distributed.processes=2", "training.accumulate=2"]
    spec = demo().with_overrides([*changes, "training.device=cuda"])
    assert devices_of(spec) == ("cuda:0", "cuda:1")
    assert devices_of(spec.with_overrides(["training.device=cpu"])) == ("cpu",)


WAIT_FOR_TURN = """
import sys, time
from pathlib import Path
from aurora_dash.runs.launch import run_in_foreground
from aurora_dash.runs.store import Run
from aurora_dash.runs.ownership import own

def train(run, *, should_stop):
    with own(run) as owner:
        owner.update(state="running")
        print("trains", flush=True)
        while not should_stop():
            time.sleep(0.01)
        owner.update(state="stopped")

print("begins", flush=True)
run_in_foreground(Run(Path(sys.argv[1])), train)
"""


def _in_line(queue: DeviceQueue, count: int):
    return lambda: len(queue.entries()) == count


@pytest.mark.slow
def test_shells_and_servers_wait_for_each_other_and_a_death_frees_the_device(
    store: RunStore, spawn, wait_until
) -> None:
    runs = [store.create(demo().with_overrides(["training.device=cpu"])) for _ in range(3)]
    queue, children = device_queue(), []
    for count, run in enumerate(runs, start=1):
        children.append(spawn(WAIT_FOR_TURN, run.folder))
        wait_until(_in_line(queue, count))
    _, second, third = runs
    wait_until(lambda: [run.status().state for run in runs] == ["running", "queued", "queued"])
    wait_until(lambda: third.status().waiting_for == f"cpu, behind {second.id}")
    children[0].kill()
    wait_until(lambda: [run.status().state for run in runs] == ["interrupted", "running", "queued"])
    children[1].send_signal(signal.SIGTERM)
    wait_until(lambda: [run.status().state for run in runs[1:]] == ["stopped", "running"])
    children[2].send_signal(signal.SIGINT)
    assert children[2].wait(timeout=20) == 0


@pytest.mark.slow
def test_a_waiting_process_that_is_halted_is_passed_over(
    store: RunStore, spawn, wait_until
) -> None:
    _, halted, last = runs = [
        store.create(demo().with_overrides(["training.device=cpu"])) for _ in range(3)
    ]
    children = []
    for count, run in enumerate(runs, start=1):
        children.append(spawn(WAIT_FOR_TURN, run.folder))
        wait_until(_in_line(device_queue(), count))
    os.kill(children[1].pid, signal.SIGSTOP)
    wait_until(lambda: halted.status().state == "unresponsive")
    assert "It was queued." in halted.status().reason
    children[0].send_signal(signal.SIGTERM)
    wait_until(lambda: last.status().state == "running")
    os.kill(children[1].pid, signal.SIGCONT)
    wait_until(lambda: halted.status().waiting_for == f"cpu, behind {last.id}")
    children[1].send_signal(signal.SIGTERM)
    wait_until(lambda: halted.status().state == "interrupted")
    assert "turn" in halted.status().reason
    assert process_start(children[2].pid) is not None


SERVER = """
import sys, time, types
from pathlib import Path
from aurora_dash.runs.launch import LauncherName, launch
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run

def train(run, *, should_stop):
    with own(run) as owner:
        owner.update(state="running")
        while not should_stop():
            time.sleep(0.01)
        owner.update(state="stopped")

sys.modules["aurora_dash.training.engine"] = types.SimpleNamespace(train=train)
print("ready", flush=True)
for line in sys.stdin:
    try:
        launch(Run(Path(line.strip())), LauncherName.THREAD)
        print("launched", flush=True)
    except Exception as error:
        print(error, flush=True)
"""


@pytest.mark.slow
def test_two_servers_on_one_folder_train_one_run_after_the_other(
    store: RunStore, spawn, wait_until
) -> None:
    servers = [spawn(SERVER) for _ in range(2)]
    for server in servers:
        assert server.stdout.readline() == "ready\n"

    def launch(server, run: Run) -> str:
        server.stdin.write(f"{run.folder}\n")
        server.stdin.flush()
        return str(server.stdout.readline())

    first, second = (store.create(demo().with_overrides(["training.device=cpu"])) for _ in "ab")
    assert launch(servers[0], first) == "launched\n"
    wait_until(lambda: first.status().state == "running")
    assert f"already being trained by process {servers[0].pid}" in launch(servers[1], first)
    assert launch(servers[1], second) == "launched\n"
    wait_until(lambda: second.status().waiting_for == f"cpu, behind {first.id}")
    servers[0].kill()
    wait_until(lambda: [r.status().state for r in (first, second)] == ["interrupted", "running"])


@pytest.mark.slow
def test_of_launches_at_the_same_instant_exactly_one_wins(
    store: RunStore, spawn, wait_until
) -> None:
    servers = [spawn(SERVER) for _ in range(3)]
    for server in servers:
        assert server.stdout.readline() == "ready\n"
    for _ in range(5):
        run = store.create(demo())
        for server in servers:
            server.stdin.write(f"{run.folder}\n")
            server.stdin.flush()
        answers = sorted(server.stdout.readline() for server in servers)
        refused = [answer for answer in answers if "is already being trained by" in answer]
        assert (answers.count("launched\n"), len(refused)) == (1, 2)


def test_a_run_that_nobody_owns_any_more_leaves_no_trace(run: Run) -> None:
    with own(run) as owner:
        device_queue().join(run.folder, ["cpu"])
        assert _names(device_queue().entries()) == run.id
        owner.update(state="completed")
    assert device_queue().entries() == ()
