"""Tasks are all done by several threads, an error reaches who gave them, no thread stays."""

from __future__ import annotations

import gc
import threading
import time
from functools import partial

import pytest

from aurora_dash.data.workers import Workers


def _names() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("shared")]


@pytest.mark.parametrize("num", [1, 3])
def test_every_task_is_done_once(num: int) -> None:
    done: list[int] = []
    with Workers(num, name="shared") as workers:
        for start in (0, 100):
            workers.run(partial(done.append, start + i) for i in range(50))
    assert sorted(done) == [*range(50), *range(100, 150)]


def test_tasks_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    with Workers(3, name="shared") as workers:
        workers.run([meeting.wait] * 3)
    assert not meeting.broken


def test_an_error_is_raised_once_nobody_works_any_more() -> None:
    begun, ended = [], []

    def fail() -> None:
        raise OSError("gone")

    def slow() -> None:
        begun.append(1)
        time.sleep(0.05)
        ended.append(1)

    with Workers(2, name="shared") as workers:
        with pytest.raises(OSError, match="gone"):
            workers.run([slow, fail, *[slow] * 20])
        assert len(begun) == len(ended) < 20
        workers.run([slow])


def test_threads_end_when_nobody_has_the_workers() -> None:
    workers = Workers(3, name="shared")
    workers.run([lambda: None])
    assert len(_names()) == 2
    del workers
    gc.collect()
    deadline = time.monotonic() + 5
    while _names() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _names() == []
