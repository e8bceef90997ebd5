"""The webhook against real local servers: one that hears, one that fails, one that is dead."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from aurora_dash.runs import webhook
from aurora_dash.runs.alerts import Alert, Remedy
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run
from tests.local_server import QuietHandler, serving

SECRET = "s3cret-token"


class Listener:
    """What a server was told, and how it is to answer."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.attempts = 0
        self.answers: list[int] = []
        self.url = ""


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """A server on this machine to which the environment points."""
    state = Listener()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            state.attempts += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = state.answers.pop(0) if state.answers else 200
            if code == 200:
                assert self.headers["Content-Type"] == "application/json"
                state.heard.append(json.loads(body))
            self.send_response(code)
            self.end_headers()

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(webhook, "PAUSES_SECONDS", (0.01, 0.02))
    with serving(Handler) as url:
        state.url = f"{url}/{SECRET}"
        monkeypatch.setenv(webhook.VARIABLE, state.url)
        yield state


def _alert() -> Alert:
    remedy = Remedy(key="clip", label="Clip", explanation="Clips.", assignments=("a=1",))
    return Alert(rule="loss_spike", step=120, message="It jumped.", remedies=(remedy,))


def _texts(run: Run) -> str:
    return "".join(path.read_text() for path in run.folder.glob("*.json*"))


def test_alerts_and_ends_arrive_as_json(run: Run, listener: Listener) -> None:
    webhook.tell_alert(run, _alert())
    with own(run) as owner:
        owner.update(state="running", step=5, total_steps=10)
        owner.update(state="failed", reason="It broke.", remedy="Mend it.")
    assert webhook.finish(10)
    alert, end = listener.heard
    assert (alert["event"], alert["run_id"]) == ("alert", run.id)
    assert alert["alert"]["id"] == "loss_spike-120"
    assert alert["alert"]["remedies"][0]["key"] == "clip"
    assert "It jumped." in alert["text"]
    assert (end["event"], end["state"], end["step"]) == ("end", "failed", 5)
    assert (end["reason"], end["remedy"]) == ("It broke.", "Mend it.")
    assert SECRET not in _texts(run)


def test_a_run_that_just_runs_tells_nothing(run: Run, listener: Listener) -> None:
    with own(run) as owner:
        owner.update(state="running")
        owner.update(state="paused")
        assert webhook.finish(10)
        assert listener.heard == []
        owner.update(state="completed")
    assert webhook.finish(10)
    assert [message["state"] for message in listener.heard] == ["completed"]


def test_a_server_that_fails_is_tried_again_and_one_that_refuses_is_not(
    run: Run, listener: Listener
) -> None:
    listener.answers = [503, 500]
    webhook.tell_alert(run, _alert())
    assert webhook.finish(10)
    assert (listener.attempts, len(listener.heard)) == (3, 1)
    listener.answers = [404]
    webhook.tell_alert(run, _alert())
    assert webhook.finish(10)
    assert listener.attempts == 4
    assert run.events()[-1]["message"] == "the webhook could not be told: it answers 404"


def test_a_dead_server_is_given_up_without_its_address_in_any_file(
    run: Run, listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}/{SECRET}", f"http://[{SECRET}", f"ftp://{SECRET}"):
        monkeypatch.setenv(webhook.VARIABLE, address)
        begin = time.monotonic()
        webhook.tell_alert(run, _alert())
        assert time.monotonic() - begin < 0.5
        assert webhook.finish(10)
        assert "could not be told" in run.events()[-1]["message"]
    assert len(run.events()) == 3
    assert SECRET not in _texts(run) + caplog.text


def test_a_silent_server_costs_no_more_than_its_time(
    run: Run, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv(webhook.VARIABLE, f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}")
        webhook.tell_alert(run, _alert())
        assert webhook.finish(5)
    assert "could not be told" in run.events()[-1]["message"]


def test_nothing_is_sent_without_an_address(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(webhook.VARIABLE, raising=False)
    begun = []
    monkeypatch.setattr(webhook, "_messenger", lambda: begun.append(1))
    webhook.tell_alert(run, _alert())
    assert begun == []


def test_a_process_that_ends_at_once_still_tells(run: Run, listener: Listener) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from aurora_dash.runs.store import Run\n"
        "from aurora_dash.runs.ownership import own\n"
        "with own(Run(Path(sys.argv[1]))) as owner: owner.update(state='completed')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(run.folder)], check=True, timeout=60)
    assert [message["state"] for message in listener.heard] == ["completed"]
