"""Requests: left by anybody, taken once, refused when nobody listens."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.runs.control import Action, put_request, take_requests
from aurora_dash.runs.ownership import own
from aurora_dash.runs.store import Run


def test_requests_are_taken_once_in_the_order_they_were_made(tmp_path: Path) -> None:
    folder = tmp_path / "control"
    wanted = [Action.PAUSE, Action.SAVE, Action.RESUME, Action.STOP, Action.EVALUATE]
    for action in wanted:
        put_request(folder, action)
    assert take_requests(folder) == wanted
    assert take_requests(folder) == []
    assert list(folder.iterdir()) == []


def test_no_request_is_taken_twice_by_takers_that_race(tmp_path: Path) -> None:
    for _ in range(200):
        put_request(tmp_path, Action.SAVE)
    taken: list[list[Action]] = []
    threads = [
        threading.Thread(target=lambda: taken.append(take_requests(tmp_path))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(map(len, taken)) == 200


def test_an_unknown_request_is_set_aside_and_does_not_block_others(tmp_path: Path) -> None:
    (tmp_path / "00000000000000000001-abc-dance.request").write_text("dance")
    put_request(tmp_path, Action.STOP)
    assert take_requests(tmp_path) == [Action.STOP]
    assert [path.suffix for path in tmp_path.iterdir()] == [".unknown"]


def test_a_request_from_another_process_reaches_the_owner(run: Run, spawn) -> None:
    code = (
        "import sys; from pathlib import Path; from aurora_dash.runs.store import Run\n"
        "Run(Path(sys.argv[1])).request('pause')\n"
    )
    with own(run) as owner:
        owner.update(state="running")
        assert spawn(code, run.folder).wait() == 0
        assert run.take_requests() == [Action.PAUSE]
        owner.update(state="completed")
    assert [event["action"] for event in run.events()] == ["pause"]


def test_a_run_that_nobody_trains_takes_no_requests(run: Run) -> None:
    with pytest.raises(RunError, match="queued, not under way"):
        run.request("stop")
    with own(run) as owner:
        owner.update(state="completed")
    with pytest.raises(RunError, match="completed, not under way"):
        run.request(Action.SAVE)
    assert take_requests(run.control_folder) == []


def test_an_action_that_does_not_exist_is_refused_with_those_that_do(run: Run) -> None:
    with pytest.raises(RunError, match=r"'dance'.*stop, pause, resume, save, evaluate"):
        run.request("dance")
