from __future__ import annotations

import threading

import pytest

from aurora_dash.training.background import BackgroundWriter


def test_a_job_is_done_beside_and_the_next_one_waits_for_it() -> None:
    writer, may_end, done = BackgroundWriter("test"), threading.Event(), []

    def first() -> None:
        may_end.wait()
        done.append("first")

    writer.submit(first)
    assert done == []
    threading.Timer(0.05, may_end.set).start()
    writer.submit(lambda: done.append("second"))
    assert done[:1] == ["first"]
    writer.wait()
    assert done == ["first", "second"]
    writer.close()


def test_what_a_job_met_is_raised_until_it_succeeds() -> None:
    writer, tries = BackgroundWriter("test"), []

    def job() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no")

    writer.submit(job)
    for ask in (writer.wait, writer.check, writer.retry, lambda: writer.submit(job)):
        with pytest.raises(OSError, match="no"):
            ask()
    assert len(tries) == 2
    writer.retry()
    writer.check()
    writer.close()
    assert len(tries) == 3


def test_closing_waits_for_the_job_at_hand() -> None:
    writer, may_end, done = BackgroundWriter("test"), threading.Event(), []
    writer.submit(lambda: (may_end.wait(), done.append(1)))
    threading.Timer(0.05, may_end.set).start()
    writer.close()
    assert done == [1]
