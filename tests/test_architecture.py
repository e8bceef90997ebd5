"""The directions in which rooms may know each other, as the README's table states them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "aurora_dash"

BASE = {"errors", "variables", "variants", "spec", "presets"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "variables": {"errors"},
    "variants": {"errors", "variables"},
    "spec": {"errors", "variables", "variants"},
    "presets": {"errors", "variables", "variants", "spec"},
    "data": BASE,
    "model": BASE | {"data", "runs"},
    "runs": BASE,
    "training": BASE | {"data", "model", "runs"},
    "evaluation": BASE | {"data", "model", "runs", "figures", "training"},
    "figures": {"errors", "variables"},
    "doctor": BASE | {"data", "runs"},
    "cli": BASE | {"data", "model", "runs", "training", "evaluation", "figures", "doctor"},
    "ui": BASE | {"data", "model", "runs", "evaluation", "figures", "doctor"},
}
# The launcher calls the training engine, and nothing else of it, when a run begins; the Train page
# draws the learning rate that the trainer will follow. Work on data in the background keeps its
# state on disk with the same tools as a run: files, locks, requests and the names of processes.
EXCEPTIONS = {
    ("data", "runs"): {
        "aurora_dash.runs.background",
        "aurora_dash.runs.control",
        "aurora_dash.runs.files",
        "aurora_dash.runs.identity",
        "aurora_dash.runs.lock",
    },
    # A CUDA error that ends a run carries what the doctor finds about the toolkits.
    ("training", "doctor"): {"aurora_dash.doctor.cuda"},
    ("runs", "training"): {"aurora_dash.training.engine"},
    # Asking a process of its own for the memory of a step; all of it is free of torch.
    ("ui", "training"): {
        "aurora_dash.training.schedule",
        "aurora_dash.training.memory.ask",
        "aurora_dash.training.memory.estimate",
        "aurora_dash.training.memory.question",
        "aurora_dash.training.memory.savings",
    },
}


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Absolute names of all modules a file imports, and whether only for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            guarded |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in guarded
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} uses a relative import"
            if node.module == "aurora_dash":
                for alias in node.names:
                    yield f"aurora_dash.{alias.name}", id(node) in guarded
            else:
                yield node.module, id(node) in guarded


def _sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_room_imports_only_the_rooms_it_may_know(path: Path) -> None:
    room = _room(path)
    if room in {"__init__", "__main__"}:
        return
    allowed = MAY_IMPORT[room] | {room}
    for module, _ in _imports(path):
        if not module.startswith("aurora_dash."):
            continue
        other = module.split(".")[1]
        if other in allowed or other.startswith("__"):
            continue
        assert module in EXCEPTIONS.get((room, other), set()), f"{room} must not import {module}"


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_only_ui_and_pages_know_streamlit(path: Path) -> None:
    if _room(path) == "ui":
        return
    assert not any(module.split(".")[0] == "streamlit" for module, _ in _imports(path))


def test_pages_are_thin_and_know_only_what_they_may() -> None:
    allowed = {"ui", "runs", "spec", "figures", "errors"}
    pages = sorted((REPOSITORY / "pages").glob("*.py"))
    assert pages
    for path in pages:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 80, f"{path.name} is too long"
        for module, _ in _imports(path):
            if module.startswith("aurora_dash."):
                assert module.split(".")[1] in allowed, f"{path.name} must not import {module}"


def test_app_knows_only_ui() -> None:
    for module, _ in _imports(REPOSITORY / "app.py"):
        assert module.split(".")[0] in {"streamlit", "__future__"} or module.startswith(
            "aurora_dash.ui"
        )


def test_the_first_page_does_not_import_torch() -> None:
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=60).run()\n"
        "assert not app.exception, app.exception\n"
        "sys.exit(1 if 'torch' in sys.modules else 0)\n"
    )
    environment = {"AURORA_DASH_WARM_UP": "0"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
