"""What a report says, as plain data: any writer draws the same content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Fact = tuple[str, str]
"""A name and a value, both text as it is: a writer escapes it."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Text in rows and columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_labels: int
    """How many of the first columns are words; the others are numbers."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One field of a scorecard."""

    percent: float | None
    """None: not known."""
    detail: str
    """The two scores that it comes from."""
    may_be_chance: bool = False


@dataclass(frozen=True, kw_only=True)
class CardTable:
    """A scorecard of one measure against one reference in one region."""

    title: str
    measure: str
    region: str
    verdict: str
    """For how many cells the source is better, in words."""
    lead_hours: tuple[int, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing as the bytes of a file."""

    name: str
    """Of its file, without the ending."""
    format: Literal["svg", "png"]
    content: bytes
    caption: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of a report."""

    title: str
    labels: tuple[str, ...]
    """What must not be overlooked, such as ``random weights``."""
    facts: tuple[Fact, ...]
    verdicts: tuple[str, ...]
    warnings: tuple[str, ...]
    cards: tuple[CardTable, ...]
    curves: tuple[Picture, ...]
    maps: tuple[Picture, ...]
    tables: tuple[Table, ...]
    left_out: tuple[str, ...]
    """What there is besides and where, so that the document stays of a size to send."""
    provenance: tuple[Fact, ...]
    method: tuple[str, ...]
    request: str
    """What was asked for, as JSON."""
    spec: str | None
    """The run's spec as JSON; None where there is none."""
    attribution: str
    hub: Mapping[str, Any]
    """Head of a model card, as the Hugging Face hub reads it."""
