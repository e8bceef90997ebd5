"""Work on threads of this process."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from aurora_dash.errors import RunError
from aurora_dash.runs.background import BackgroundJobs, background_jobs


class _Waiting:
    def __init__(self) -> None:
        self.begun = threading.Event()
        self._end = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self._end.wait(10)

    def stop(self) -> None:
        self._end.set()


class _Stubborn(_Waiting):
    def stop(self) -> None:
        """Does not listen."""


def test_stopping_ends_all_jobs_and_waits_for_them() -> None:
    jobs, work = BackgroundJobs("test"), [_Waiting(), _Waiting()]
    for one in work:
        jobs.start(one)
        assert one.begun.wait(5)
    assert jobs.stop(5)
    assert not [thread for thread in threading.enumerate() if thread.name == "test"]


def test_a_job_that_does_not_end_is_told_and_not_waited_for_longer() -> None:
    jobs, work = BackgroundJobs("stubborn"), _Stubborn()
    jobs.start(work)
    assert work.begun.wait(5)
    assert not jobs.stop(0.05)
    _Waiting.stop(work)


@pytest.mark.parametrize("error", [RunError("no room"), ZeroDivisionError("no room")])
def test_what_a_job_raises_goes_to_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(_Waiting):
        def __call__(self) -> None:
            raise error

    jobs = BackgroundJobs("broken thing")
    with caplog.at_level(logging.WARNING):
        jobs.start(Broken())
        assert jobs.stop(5)
    assert "broken thing failed" in caplog.text
    assert "no room" in caplog.text


def test_there_is_one_group_of_jobs_a_kind() -> None:
    assert background_jobs("a kind") is background_jobs("a kind")
    assert background_jobs("a kind") is not background_jobs("another")


def test_jobs_are_stopped_when_the_process_ends() -> None:
    code = (
        "import threading\n"
        "from aurora_dash.runs.background import background_jobs\n"
        "end = threading.Event()\n"
        "class Job:\n"
        "    def __call__(self): end.wait(60); print('ended well', flush=True)\n"
        "    def stop(self): end.set()\n"
        "background_jobs('test').start(Job())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "ended well\n"
