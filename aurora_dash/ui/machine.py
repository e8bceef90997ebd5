"""What this machine offers, in one row of facts."""

from __future__ import annotations


def facts() -> None:
    """Nothing yet."""
