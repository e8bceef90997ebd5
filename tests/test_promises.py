"""Every promise in the documents is shown by a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def _promises(repository: Path) -> list[str]:
    """The rows of all tables, without their heads."""
    text = (repository / "docs" / "promises.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if not row.startswith(("| if |", "|---"))]


def test_every_promise_has_a_test(repository: Path) -> None:
    promises = _promises(repository)
    assert len(promises) > 20
    for row in promises:
        assert row.count("|") == 4, row
        assert _TEST.search(row), row


def test_every_test_that_is_named_exists(repository: Path) -> None:
    named = [pair for row in _promises(repository) for pair in _TEST.findall(row)]
    for file, name in named:
        tree = ast.parse((repository / file).read_text(encoding="utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in defined, f"{file} has no {name}"
