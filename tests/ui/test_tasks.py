"""Work that a page starts: what becomes of it is told, and nothing of it is held."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from aurora_dash.errors import ModelError
from aurora_dash.ui.tasks import Tasks


class Weights:
    """Stands in for a model, which is far larger."""


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_work_gave_is_told(tmp_path: Path) -> None:
    tasks: Tasks[int] = Tasks("export")
    tasks.start(tmp_path, lambda: 7)
    _until(lambda: not tasks.is_working(tmp_path))
    assert (tasks.result(tmp_path), tasks.problem(tmp_path)) == (7, None)


def test_a_failure_is_told_and_holds_nothing_of_where_it_was_raised(tmp_path: Path) -> None:
    held: list[weakref.ref[Weights]] = []

    def load() -> None:
        weights = Weights()
        held.append(weakref.ref(weights))
        raise ZeroDivisionError(str(weights))

    def work() -> None:
        weights = Weights()
        held.append(weakref.ref(weights))
        try:
            load()
        except ZeroDivisionError as error:
            raise ModelError(f"No model of {weights}.") from error

    tasks: Tasks[None] = Tasks("export")
    tasks.start(tmp_path, work)
    _until(lambda: not tasks.is_working(tmp_path))
    problem = tasks.problem(tmp_path)
    assert isinstance(problem, ModelError)
    assert isinstance(problem.__cause__, ZeroDivisionError)
    gc.collect()
    assert [ref() for ref in held] == [None, None]
