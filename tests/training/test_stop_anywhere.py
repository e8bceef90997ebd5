"""A stop is shown at once, with what it waits for, and heeded as soon as that ends."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from aurora_dash.data import reading
from aurora_dash.model.build import build_model
from aurora_dash.runs.control import Action
from aurora_dash.runs.lock import LockState, probe
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run
from aurora_dash.runs.thread import ThreadLauncher
from aurora_dash.training import engine, loader, prerequisites, saving, validation


@dataclass
class Gate:
    """Holds whoever comes by until it is opened."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def held(*arguments: Any, **more: Any) -> Any:
            self.reached.set()
            assert self.opened.wait(60)
            return function(*arguments, **more)

        return held


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def launcher() -> Iterator[ThreadLauncher]:
    """As the server's own, so that what it holds is what a server would."""
    launcher = ThreadLauncher()
    yield launcher
    assert launcher.shutdown(60)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """Modules, optimisers and batches of all trainings from here on, as long as they live."""
    made: list[weakref.ref[Any]] = []

    def build(*arguments: Any, **more: Any) -> Any:
        built = build_model(*arguments, **more)
        made.append(weakref.ref(built.module))
        return built

    prepare = engine.TrainingStep.__init__

    def prepared(step: Any, *arguments: Any, **more: Any) -> None:
        prepare(step, *arguments, **more)
        made.extend([weakref.ref(step), weakref.ref(step.optimiser)])

    collate = loader.collate

    def collated(*arguments: Any, **more: Any) -> Any:
        inputs, targets = collate(*arguments, **more)
        made.append(weakref.ref(inputs))
        return inputs, targets

    monkeypatch.setattr(prerequisites, "build_model", build)
    monkeypatch.setattr(engine.TrainingStep, "__init__", prepared)
    monkeypatch.setattr(loader, "collate", collated)
    return made


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# Where it is held: what is called, what the page shows meanwhile, and whether training had begun.
PLACES = {
    "data": (engine, "open_parts", "the data to be opened and checked", False),
    "field": (reading, "heed_stop", "the data to be opened and checked", False),
    "model": (prerequisites, "build_model", "the model to be built", False),
    "checkpoint": (engine, "resume", "a checkpoint to be looked for", False),
    "validation": (validation, "fixed_batch", "a batch of the validation to end", True),
    "step": (engine.TrainingStep, "__call__", "the step at hand to end", True),
    "saving": (saving.CheckpointStore, "save", "the checkpoint to be saved", True),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_stop_is_shown_at_once_and_heeded_when_what_is_at_hand_ends(
    run: Run,
    gate: Gate,
    launcher: ThreadLauncher,
    held: list[weakref.ref[Any]],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    where, name, shown, has_begun = PLACES[place]
    monkeypatch.setattr(where, name, gate.around(getattr(where, name)))
    launcher.launch(run)
    _until(gate.reached.is_set)
    if place == "saving":
        # The writer's thread is held; training goes on until it has the next one to save.
        _until(lambda: run.status().step >= run.spec().training.steps)
    run.request(Action.STOP)
    _until(lambda: run.status().state is RunState.STOPPING)
    _until(lambda: shown in run.status().waiting_for)
    gate.opened.set()
    _until(lambda: not run.status().is_live and probe(run.folder) is LockState.FREE)
    assert launcher.shutdown(60)
    status = run.status()
    assert ("before its first step" not in status.reason) is has_begun
    assert (run.checkpoints_folder / "last").exists() is has_begun
    gc.collect()
    assert [ref for ref in held if ref() is not None] == []


def _crash(*arguments: object) -> None:
    raise ZeroDivisionError("unforeseen")


@pytest.mark.slow
@pytest.mark.parametrize("state", [RunState.COMPLETED, RunState.FAILED])
def test_nothing_of_a_run_that_ended_is_held_by_the_server(
    run: Run,
    launcher: ThreadLauncher,
    held: list[weakref.ref[Any]],
    monkeypatch: pytest.MonkeyPatch,
    state: RunState,
) -> None:
    if state is RunState.FAILED:
        monkeypatch.setattr(engine.TrainingStep, "__call__", _crash)
    launcher.launch(run)
    _until(lambda: not run.status().is_live and probe(run.folder) is LockState.FREE)
    assert launcher.shutdown(60)
    assert run.status().state is state
    gc.collect()
    assert len(held) >= 3
    assert [ref for ref in held if ref() is not None] == []
