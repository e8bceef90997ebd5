"""Tables and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]


def surroundings(result: Result) -> str:
    """Date, device, versions and commit of a result."""
    versions = result["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("python", "torch", "aurora-dash"))
    changed = ", with later changes" if result.get("changed_since_commit") else ""
    return (
        f"{result['date'][:10]}, {result['device']}, {named}, commit "
        f"{result['commit'][:8]}{changed}."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def short(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}"


def milli(seconds: float) -> str:
    """Milliseconds in three digits."""
    return f"{1000 * seconds:.3g}"


def megabytes(count: int) -> str:
    """Megabytes in three digits."""
    return f"{count / 1e6:.3g}"
