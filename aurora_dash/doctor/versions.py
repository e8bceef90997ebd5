"""Versions compared by their numbers."""

from __future__ import annotations

import re


def release(version: str) -> tuple[int, ...]:
    """The numbers a version starts with: ``2.15.0+cu128`` -> (2, 15, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
