"""The background import of PyTorch: once, only when wanted, and its failure is told."""

from __future__ import annotations

import gc
import importlib
import os
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from aurora_dash.ui import lifecycle
from aurora_dash.ui.lifecycle import WarmUp, WarmUpState


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lifecycle, "_DRAWING_SECONDS", 0.0)
    monkeypatch.delenv("AURORA_DASH_WARM_UP", raising=False)
    yield
    gc.unfreeze()


def finish(warm_up: WarmUp) -> None:
    for thread in threading.enumerate():
        if thread.name == "warm-up":
            thread.join(10)
    assert warm_up.state is not WarmUpState.LOADING


def test_waiting_openmp_threads_sleep() -> None:
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_both_packages_are_imported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []

    def imports(name: str) -> ModuleType:
        imported.append(name)
        return ModuleType(name)

    monkeypatch.setattr(importlib, "import_module", imports)
    warm_up = WarmUp()
    warm_up.begin()
    warm_up.begin()
    finish(warm_up)
    assert warm_up.state is WarmUpState.READY
    assert imported == ["torch", "aurora"]


def test_what_was_imported_is_not_looked_through_for_garbage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib, "import_module", ModuleType)
    warm_up = WarmUp()
    warm_up.begin()
    finish(warm_up)
    assert len(gc.get_objects()) < gc.get_freeze_count()


def test_a_failure_is_kept_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def imports(name: str) -> ModuleType:
        raise ImportError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", imports)
    warm_up = WarmUp()
    warm_up.begin()
    finish(warm_up)
    assert warm_up.state is WarmUpState.FAILED
    assert "libcudart.so.12" in warm_up.reason


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORA_DASH_WARM_UP", "0")
    warm_up = WarmUp()
    warm_up.begin()
    assert warm_up.state is WarmUpState.OFF


def test_browsers_keep_what_the_server_refers_to_over_many_reruns(repository: Path) -> None:
    # By default two reruns, which a slow browser outruns: then its page dies.
    settings = tomllib.loads((repository / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["global"]["maxCachedMessageAge"] >= 20
