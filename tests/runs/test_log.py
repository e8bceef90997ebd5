from __future__ import annotations

from pathlib import Path

import pytest

from aurora_dash.errors import RunError
from aurora_dash.runs.alerts import Alert
from aurora_dash.runs.lines import append_line
from aurora_dash.runs.log import EventLog, tail


def test_events_are_followed_and_read_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    assert log.events() == ()
    append_line(path, {"message": "first"})
    first = log.events()
    assert first == ({"message": "first"},)
    assert log.events() is first
    with path.open("ab") as file:
        file.write(b'{"message": "sec')
        file.flush()
        assert log.events() is first
        file.write(b'ond"}\n')
    assert [event["message"] for event in log.events()] == ["first", "second"]


def test_a_log_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, {"message": "of the first life"})
    log = EventLog(path)
    assert len(log.events()) == 1
    path.unlink()
    append_line(path, {"message": "of the second life"})
    assert [event["message"] for event in log.events()] == ["of the second life"]


def test_alerts_follow_the_events(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    alert = Alert(rule="plateau", step=7, message="It does not fall.")
    append_line(path, {"time": 1.0, **alert.fields()})
    (entry,) = log.alerts()
    assert entry.is_open
    append_line(path, {"time": 2.0, "recovered": alert.id, "step": 9})
    (entry,) = log.alerts()
    assert entry.recovered_step == 9
    assert log.alerts() is log.alerts()


def test_of_a_long_text_the_newest_whole_lines_are_given(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    assert tail(path) == ""
    path.write_text("".join(f"line {number:05d}\n" for number in range(10_000)))
    lines = tail(path, 1000).splitlines()
    assert lines[-1] == "line 09999"
    # 11 bytes a line; the first of them is not whole.
    assert lines == [f"line {number:05d}" for number in range(10_000 - 90, 10_000)]
    assert tail(path, 10**6).splitlines()[0] == "line 00000"


def test_of_a_line_written_over_the_last_state_is_left(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    path.write_bytes(b"loading  1%\rloading 50%\rloading 100%\r\ndone \xff\n")
    assert tail(path).splitlines() == ["loading 100%", "done \ufffd"]


def test_a_log_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "trainer.log"
    folder.mkdir()
    with pytest.raises(RunError, match="trainer"):
        tail(folder)
