"""Pages as people meet them: through app.py, with real runs, drafts and data on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec, TrainingSpec
from tests.pages.helpers import TINY_DATA, OpenPage, record


@pytest.fixture(autouse=True)
def _as_on_the_testers_machine(
    monkeypatch: pytest.MonkeyPatch, repository: Path, tmp_path: Path
) -> None:
    """No warm-up; the real data may be read even where it is a link to somewhere else."""
    monkeypatch.setenv("AURORA_DASH_WARM_UP", "0")
    shared = (repository.parent / "shared").resolve()
    roots = (shared, tmp_path, Path.cwd())
    monkeypatch.setenv("AURORA_DASH_ROOTS", os.pathsep.join(str(root) for root in roots))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """The runs that the pages show."""
    monkeypatch.setenv("AURORA_DASH_RUNS", str(tmp_path / "runs"))
    return RunStore(tmp_path / "runs")


@pytest.fixture
def open_page(store: RunStore, repository: Path) -> OpenPage:
    """Open a page by its name, with parameters of the URL, as a fresh browser does."""

    def open_page(name: str = "start", **parameters: str) -> AppTest:
        app = AppTest.from_file(str(repository / "app.py"), default_timeout=60)
        for key, value in parameters.items():
            app.query_params[key] = value
        return app.switch_page(f"pages/{name}.py").run()

    return open_page


@pytest.fixture
def make_run(store: RunStore) -> Callable[..., Run]:
    """A run in a state, as a trainer leaves it: ten steps of twenty, and a word at the end."""

    def make_run(state: RunState, *, name: str = "example", **last_word: Any) -> Run:
        run = store.create(RunSpec(name=name, data=TINY_DATA, training=TrainingSpec(steps=20)))
        with own(run) as owner:
            owner.update(state=RunState.RUNNING, device="cpu", total_steps=20)
            with MetricsWriter(run.metrics_path) as metrics:
                for step in range(1, 11):
                    metrics.write(record(step))
                metrics.write(
                    {"step": 10, "split": "validation", "loss": 0.2, "persistence_loss": 0.15}
                )
            run.log_event("info", "ten steps were done")
            owner.update(step=10, epoch=2.0, last_loss=0.1, best_loss=0.2)
            owner.update(state=state, **last_word)
        return run

    return make_run


@pytest.fixture
def live_run(store: RunStore) -> Iterator[Run]:
    """A run that this process owns and that is under way."""
    run = store.create(RunSpec(name="alive", data=TINY_DATA, training=TrainingSpec(steps=20)))
    with own(run) as owner:
        owner.update(state=RunState.RUNNING, device="cpu", total_steps=20)
        with MetricsWriter(run.metrics_path) as metrics:
            metrics.write(record(1))
        owner.update(step=1, last_loss=1.0, seconds_left=95.0)
        yield run
        owner.update(state=RunState.STOPPED, reason="The test is over.")
