"""The life of runs as it is seen: the same true state on all pages and in a shell."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.cli import main
from aurora_dash.presets import demo
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import Owner
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.queue import DeviceQueue, device_queue
from aurora_dash.runs.status import RunState, recorded_status, write_status
from aurora_dash.runs.store import Run, RunStore
from tests.pages.helpers import OpenPage, button, labels, record, texts, wait_until

MakeRun = Callable[..., Run]

OWNER = """
import sys, time
from pathlib import Path
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
with own(Run(Path(sys.argv[1])), kind=sys.argv[2]) as owner:
    owner.update(state="running", step=4, total_steps=10)
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def owned() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Have a run owned by a process of its own, killed at the end of the test."""
    children: list[subprocess.Popen[str]] = []

    def owned(run: Run, kind: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(run.folder), kind], stdout=subprocess.PIPE, text=True
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    yield owned
    for child in children:
        child.kill()
        child.wait()


def shown(app: AppTest) -> str:
    """All that a page says, boxes included."""
    assert not app.exception
    boxes = [*app.info, *app.warning, *app.success, *app.error]
    return "\n".join([texts(app), *(box.value for box in boxes)]).replace("\\", "")


def in_shell(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """The document that a command prints."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def everywhere(open_page: OpenPage, capsys: pytest.CaptureFixture[str], run: Run) -> dict[str, str]:
    """What each page and command says of the state of the only run there is."""
    root = run.folder.parent
    said = {}
    for page in ("start", "monitor"):
        text = shown(open_page(page))
        found = [state.value for state in RunState if f" {state.value}]" in text]
        assert len(found) == 1, (page, found)
        said[page] = found[0]
    table = open_page("compare", runs=run.id).dataframe[0].value
    said["compare"] = str(table["State"][0]).partition(",")[0]
    said["list"] = in_shell(capsys, "runs", "list", "--runs", root)[0]["state"]
    said["show"] = in_shell(capsys, "runs", "show", run.id, "--runs", root)["state"]
    return said


def _rewrite(run: Run, **changes: object) -> None:
    write_status(run.folder, recorded_status(run.folder).model_copy(update=changes))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_killed_server_or_trainer_is_seen_as_interrupted_everywhere(
    open_page: OpenPage, store: RunStore, owned, capsys, kind: str
) -> None:
    run = store.create(demo())
    child = owned(run, kind)
    assert set(everywhere(open_page, capsys, run).values()) == {"running"}
    child.kill()
    killed = time.monotonic()
    while run.status().is_live:
        assert time.monotonic() - killed < 10
    assert set(everywhere(open_page, capsys, run).values()) == {"interrupted"}
    app = open_page("monitor", run=run.id)
    assert f"Its process {child.pid} on" in shown(app)
    assert {"Start again", "Change and run again"} <= set(labels(app))


@pytest.mark.slow
def test_a_halted_trainer_is_seen_as_unresponsive_everywhere(
    open_page: OpenPage, store: RunStore, owned, capsys
) -> None:
    run = store.create(demo())
    child = owned(run, "process")
    os.kill(child.pid, signal.SIGSTOP)
    wait_until(lambda: run.status().state is RunState.UNRESPONSIVE, 10)
    assert set(everywhere(open_page, capsys, run).values()) == {"unresponsive"}
    app = open_page("monitor", run=run.id)
    assert {"Continue its process", "End it now"} <= set(labels(app))
    button(app, "Continue its process").click().run()
    wait_until(lambda: run.status().state is RunState.RUNNING, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("boot", "host", "silence", "state", "reason"),
    [
        ("another", None, 0.0, "interrupted", "was started anew"),
        ("another", "node7", 0.0, "running", ""),
        ("another", "node7", 120.0, "unresponsive", "Nothing has come from its process"),
        ("another", "node7", 900.0, "interrupted", "no sign of life from its process"),
    ],
)
def test_an_owner_of_another_boot_or_machine_is_seen_as_what_it_is_everywhere(
    open_page: OpenPage,
    make_run: MakeRun,
    capsys,
    monkeypatch: pytest.MonkeyPatch,
    boot: str,
    host: str | None,
    silence: float,
    state: str,
    reason: str,
) -> None:
    run = make_run(RunState.STOPPED)
    owner = recorded_status(run.folder).owner
    assert owner is not None
    elsewhere = owner.model_copy(update={"boot": boot, "host": host or owner.host})
    long_before_the_boot = timedelta(days=4000) if host is None else timedelta(0)
    heartbeat = datetime.now(UTC) - long_before_the_boot
    _rewrite(run, state=RunState.RUNNING, owner=elsewhere, heartbeat=heartbeat, reason="")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + silence)
    assert set(everywhere(open_page, capsys, run).values()) == {state}
    app = open_page("monitor", run=run.id)
    assert reason in shown(app)
    # A process elsewhere can be neither continued nor ended from here.
    assert "End it now" not in labels(app)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.INTERRUPTED])
def test_a_bad_end_shows_why_and_offers_the_way_on_and_the_log(
    open_page: OpenPage, make_run: MakeRun, state: RunState
) -> None:
    run = make_run(state, reason="Out of memory at step 7.", remedy="Take a smaller crop.")
    run.log_event("error", "it went wrong", traceback="Traceback: line one\nValueError: deep down")
    (run.folder / "trainer.log").write_text("kernel: killed process 12\n")
    app = open_page("monitor", run=run.id)
    said = shown(app)
    assert "Out of memory at step 7." in said
    assert "Take a smaller crop." in said
    assert {"Start again", "Change and run again"} <= set(labels(app))
    assert "it went wrong" in said
    codes = "\n".join(code.value for code in app.code)
    assert "ValueError: deep down" in codes
    assert "kernel: killed process 12" in codes


@pytest.fixture
def queued(store: RunStore, tmp_path: Path, monkeypatch) -> Iterator[tuple[DeviceQueue, list[Run]]]:
    """One run that has the device and two that wait for it, as their launchers keep them."""
    monkeypatch.setenv("AURORA_DASH_QUEUE", str(tmp_path / "queue"))
    runs = [store.create(demo().replace(name=name)) for name in ("first", "second", "third")]
    owners = [Owner.take(run, state=RunState.QUEUED) for run in runs]
    queue = device_queue()
    for place, (run, owner) in enumerate(zip(runs, owners, strict=True)):
        ahead = queue.begin(run.folder, ["cpu"])
        if ahead:
            owner.update(queue_place=place, waiting_for=f"cpu, behind {ahead[-1].run_id}")
        else:
            owner.update(state=RunState.RUNNING)
    yield queue, runs
    for owner in owners:
        owner.update(state=RunState.STOPPED)
        owner.release()


def test_the_place_in_the_queue_is_seen_everywhere(
    open_page: OpenPage, queued: tuple[DeviceQueue, list[Run]], capsys
) -> None:
    _, (first, second, third) = queued
    root = first.folder.parent
    assert "Place 2 in the queue: waiting for cpu" in shown(open_page("monitor", run=third.id))
    start = shown(open_page("start"))
    assert "place 1 in the queue" in start
    assert "place 2 in the queue" in start
    table = open_page("compare").dataframe[0].value
    states = dict(zip(table["Name"], table["State"], strict=True))
    assert states == {"first": "running", "second": "queued, place 1", "third": "queued, place 2"}
    listed = in_shell(capsys, "runs", "list", "--runs", root)
    assert {run["run_id"]: run["queue_place"] for run in listed} == {
        first.id: None,
        second.id: 1,
        third.id: 2,
    }
    assert main(["runs", "list", "--runs", str(root)]) == 0
    assert "queued, place 2" in capsys.readouterr().out
    assert main(["runs", "show", third.id, "--runs", str(root)]) == 0
    assert "queued, place 2" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["monitor", "start"])
def test_a_waiting_run_is_moved_and_taken_out_from_the_page(
    open_page: OpenPage, queued: tuple[DeviceQueue, list[Run]], page: str
) -> None:
    queue, (first, second, third) = queued
    app = open_page(page, run=third.id)
    app = app.button(key=f"Sooner-{third.folder}").click().run()
    assert [entry.folder for entry in queue.entries()] == [
        run.folder for run in (first, third, second)
    ]
    leave = "control-stop" if page == "monitor" else f"leave-{third.folder}"
    app.button(key=leave).click().run()
    assert third.take_requests() == ["stop"]


def test_who_launched_it_and_from_what_is_seen_everywhere(
    open_page: OpenPage, store: RunStore, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    parent = store.create(demo(), origin=Origin(kind="preset", name="demo"))
    run = store.create(demo(), origin=Origin(kind="like", name=parent.id))
    for launcher in ("thread", "process"):
        owner = Owner.take(run, launcher=launcher)  # type: ignore[arg-type]
        owner.update(state=RunState.STOPPED)
        owner.release()
    app = open_page("monitor", run=run.id)
    host = recorded_status(run.folder).owner.host  # type: ignore[union-attr]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    said = shown(app)
    assert f"by ann@{host}, in processes of its own, launch 2" in said
    assert f"launched {today}" in said
    assert f"set up like run {parent.id}" in said
    opened = open_page("monitor", run=run.id, launches="true")
    history = next(f.value for f in opened.dataframe if "Launched" in f.value)
    assert list(history["How"]) == ["in processes of its own", "in a thread of the server"]
    assert all(text.endswith("UTC") for text in history["Launched"])
    assert "torch" in history["With"][0]
    assert "from the preset demo" in shown(open_page("monitor", run=parent.id))
    assert f"ann@{host}" in list(open_page("compare").dataframe[0].value["By"])
    document = in_shell(capsys, "runs", "show", run.id, "--runs", store.root)
    assert [launch["launcher"] for launch in document["launches"]] == ["thread", "process"]
    assert (document["launched_by"], document["parent"]) == (f"ann@{host}", parent.id)
    found = in_shell(capsys, "runs", "list", "--where", f"parent={parent.id}", "--runs", store.root)
    assert [entry["run_id"] for entry in found] == [run.id]


def _source(folder: Path) -> Run:
    """A run under way on another machine, with everything that such a folder holds."""
    run = RunStore(folder).create(demo(), origin=Origin(kind="preset", name="demo"))
    owner = Owner.take(run, "process", launcher="worker")
    owner.update(state=RunState.RUNNING, step=20, total_steps=100, last_loss=0.5)
    with MetricsWriter(run.metrics_path) as metrics:
        for step in range(1, 21):
            metrics.write(record(step))
    run.log_event("info", "twenty steps were done")
    run.save_load_report({"source": "x", "groups": {"encoder": {"matched": 1}}, "matched": ["a"]})
    checkpoint = run.checkpoints_folder / "step-00000020"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.pt").write_bytes(os.urandom(1000))
    (checkpoint / "meta.json").write_text("{}")
    (run.checkpoints_folder / "last").write_text("step-00000020\n")
    owner.release()
    _grow(run, 20)
    return run


def _grow(run: Run, step: int) -> None:
    """Go on to a step, as its owner on the other machine does."""
    owner = recorded_status(run.folder).owner
    assert owner is not None
    _rewrite(
        run,
        state=RunState.RUNNING,
        reason="",
        remedy="",
        ended=None,
        step=step,
        owner=owner.model_copy(update={"boot": "another", "host": "node7"}),
        heartbeat=datetime.now(UTC),
    )
    with MetricsWriter(run.metrics_path) as metrics:
        metrics.write(record(step))


def _pieces(source: Path, target: Path) -> Iterator[str]:
    """Copy a folder in an order that no tool would choose, half files and left-overs included."""

    def half(name: str) -> None:
        content = (source / name).read_bytes()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content[: len(content) // 2])

    def whole(name: str) -> None:
        # As rsync does it: beside, under a name of its own, then renamed, with the source's times.
        beside = target / f".{name}.Xk3b9Q"
        shutil.copy2(source / name, beside)
        beside.rename(target / name)

    target.mkdir(parents=True)
    yield "an empty folder"
    (target / ".events.jsonl.a8dF2c").write_bytes(b'{"time": 1')
    yield "a temporary file"
    half("checkpoints/step-00000020/model.pt")
    yield "half of the weights"
    shutil.copytree(source / "checkpoints", target / "checkpoints", dirs_exist_ok=True)
    for name in ("events.jsonl", "load_report.json", "metrics.jsonl", "provenance.json"):
        half(name)
        yield f"half of {name}"
    half("spec.json")
    yield "half of the spec"
    half("status.json")
    yield "half of the status"
    whole("status.json")
    yield "the status before the rest is whole"
    for name in ("events.jsonl", "load_report.json", "metrics.jsonl", "provenance.json"):
        whole(name)
    whole("spec.json")
    yield "all"


_EXPECTED = {"the status before the rest is whole": "running", "all": "running"}


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


@pytest.mark.slow
def test_a_run_that_is_copied_while_it_grows_appears_without_an_error_and_is_not_touched(
    open_page: OpenPage, store: RunStore, tmp_path: Path, capsys
) -> None:
    source = _source(tmp_path / "cluster")
    target = store.root / source.id
    for moment in _pieces(source.folder, target):
        before = _content(target)
        for page in ("start", "monitor", "compare"):
            app = open_page(page, **({"run": source.id} if page == "monitor" else {}))
            assert not app.exception, (moment, page)
            assert not app.error, (moment, page, [error.value for error in app.error])
        (listed,) = in_shell(capsys, "runs", "list", "--runs", store.root)
        assert listed["state"] == _EXPECTED.get(moment, "arriving"), moment
        in_shell(capsys, "runs", "show", source.id, "--runs", store.root)
        assert _content(target) == before, moment
    app = open_page("monitor", run=source.id)
    assert "20 / 100 steps" in str([p.proto.text for p in app.get("progress")])
    for step in (21, 22):
        _grow(source, step)
        for name in ("metrics.jsonl", "status.json"):
            shutil.copy2(source.folder / name, target / name)
        assert Run(target).status().step == step
        assert Run(target).metrics().column("step")[-1] == step
        assert listed["run_id"] in shown(open_page("monitor", run=source.id))
