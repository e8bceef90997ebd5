"""Numbers and moments in words for pages. Free of streamlit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime


def duration(seconds: float | None) -> str:
    """A length of time: ``45 s``, ``3 min 20 s``, ``2 h 05 min``; a dash for none."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def short_seconds(seconds: float | None) -> str:
    """The time of a step: ``85 ms``, ``1.24 s``; a dash for none."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def moment(when: datetime | None) -> str:
    """A moment with its zone named: ``2025-06-01 18:00 UTC``; a dash for none."""
    return "–" if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(when: datetime | None, *, now: datetime | None = None) -> str:
    """How long ago a moment was: ``just now``, ``5 min ago``, ``3 d ago``."""
    if when is None:
        return "–"
    seconds = ((now or datetime.now(UTC)) - when).total_seconds()
    if seconds < 60:
        return "just now"
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {name} ago"
    return "just now"


def number(value: float | None, digits: int = 4) -> str:
    """A value with that many significant digits; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}g}"


def size(count: float | None) -> str:
    """Bytes in binary units: ``512 MiB``, ``23.4 GiB``; a dash for none."""
    if count is None or not math.isfinite(count):
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit in ("B", "KiB", "MiB") else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def parameters(count: int) -> str:
    """A count of parameters: ``1.6 M``, ``113 M``, ``1.26 B``."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} B"
    return f"{count / 1e6:.0f} M" if count >= 1e7 else f"{count / 1e6:.1f} M"


def trained(count: int, total: int) -> str:
    """How much of a model is trained: ``32,256 of 1.6 M parameters trained (2 %)``."""
    if count == total:
        return f"all {total:,} parameters trained"
    share = 100 * count / total
    percent = f"{share:.2g}" if share < 10 else f"{share:.0f}"
    return f"{count:,} of {total:,} parameters trained ({percent} %)"


def several(count: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun: ``1 level``, ``13 levels``."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels by id, made different where they coincide: a list tells its options by their text."""
    counts = Counter(labels.values())
    return {
        identity: label if counts[label] == 1 else f"{label} · {identity}"
        for identity, label in labels.items()
    }
