"""What a command prints: one JSON document, or text for people; all else goes to stderr."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from aurora_dash.errors import AuroraDashError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a command."""

    document: Any
    """For ``--json``: plain data; NaN and infinities become null."""
    text: str
    """For people."""
    exit_code: int = 0


class Printer:
    """Prints the answer of a command, or why there is none."""

    def __init__(self, stdout: TextIO, *, as_json: bool) -> None:
        self._stdout = stdout
        self._as_json = as_json

    def answer(self, answer: Answer) -> None:
        """Print a result to stdout; a reader that has gone (``| head``) is no error."""
        text = to_json(answer.document) if self._as_json else answer.text
        self._write(text)

    def refuse(self, error: AuroraDashError) -> None:
        """Print one line of error to stderr, and with ``--json`` a document to stdout."""
        self.say(f"error: {one_line(str(error))}")
        if self._as_json:
            self._write(to_json({"error": error.message, "remedy": error.remedy}))

    def say(self, line: str) -> None:
        """Print a line to stderr."""
        sys.stderr.write(line + "\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        try:
            self._stdout.write(text + "\n")
            self._stdout.flush()
        except BrokenPipeError:
            # Python would complain once more when it closes stdout at exit.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stdout.fileno())


@contextlib.contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Keep stdout for the answer: what libraries print to it, C libraries too, goes to stderr."""
    own = sys.stdout
    try:
        descriptor = own.fileno()
    except (OSError, AttributeError, ValueError):
        with contextlib.redirect_stdout(sys.stderr):
            yield own
        return
    own.flush()
    kept = os.dup(descriptor)
    os.dup2(sys.stderr.fileno(), descriptor)
    try:
        with (
            os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="backslashreplace") as stdout,
            contextlib.redirect_stdout(sys.stderr),
        ):
            yield stdout
    finally:
        own.flush()
        os.dup2(kept, descriptor)
        os.close(kept)


def to_json(document: Any) -> str:
    """An indented JSON document without NaN, paths as text."""
    return json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, as wide as need be."""
    cells = [list(headings), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def number(value: float | None, digits: int = 4) -> str:
    """A number for people; a dash for none."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}g}"
