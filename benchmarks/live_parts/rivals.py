"""(f): this dashboard, TensorBoard and trackio side by side on the same points.

Of each: how long until the first chart, how long from new points to their data on the page, how
much comes over the wire for either, and whether a spike of one step among all is in what comes.
"""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooLong

from benchmarks.live_parts import stage
from benchmarks.live_parts.boards import Board, Ours, TensorBoard, Trackio

_PATIENCE_SECONDS = 120.0
_APPENDS, _NEW_POINTS = 3, 10
_LOOK_SECONDS = 0.1


def side_by_side(folder: Path, *, python: str, count: int) -> dict[str, Any]:
    """The dashboards one after another on `count` points of one series."""
    spike = random.randrange(count // 10, count - count // 10)
    found: dict[str, Any] = {"points": count, "series": 1, "spike_at_step": spike, "boards": {}}
    with stage.browser() as browser:
        found["boards"]["Aurora Dash"] = _measured(
            Ours(folder / "ours", spike, count), browser, count + 1
        )
        for kind, port in ((TensorBoard, 7301), (Trackio, 7302)):
            name = kind.__name__
            if reason := _missing(python, name.lower()):
                found["boards"][name] = {"reason": reason}
                continue
            board = kind(folder / name.lower(), spike, python, port)
            began = time.monotonic()
            board.append(1, count)
            wrote = time.monotonic() - began
            found["boards"][name] = {
                "version": _version(python, name.lower()),
                "writing_seconds": wrote,
                **_measured(board, browser, count),
            }
    return found


def _measured(board: Board, browser: Browser, newest: int) -> dict[str, Any]:
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    board.watch(page)
    told: dict[str, Any] = {"note": board.note}
    with board.serve() as url:
        began = time.monotonic()
        page.goto(url)
        try:
            _until(board, page, newest)
        except TooLong as error:
            told["reason"] = str(error)
            page.close()
            return told
        told |= {"first_chart_seconds": time.monotonic() - began, "first_bytes": board.bytes}
        delays, sizes = [], []
        for _ in range(_APPENDS):
            before = board.bytes
            written = board.append(newest + 1, _NEW_POINTS)
            newest += _NEW_POINTS
            _until(board, page, newest)
            delays.append(time.time() - written)
            sizes.append(board.brought(before))
        page.close()
    told |= {"refresh_seconds": median(delays), "refresh_bytes": median(sizes)}
    return told | {"spike_seen": board.saw_spike}


def _until(board: Board, page: Page, newest: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not board.look(page) or board.newest < newest:
        if time.monotonic() > deadline:
            raise TooLong(f"step {newest} was not there within {_PATIENCE_SECONDS:.0f} s")
        page.wait_for_timeout(1000 * _LOOK_SECONDS)


def _missing(python: str, package: str) -> str:
    done = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False)
    return f"{package} is not installed in {Path(python).name}" if done.returncode else ""


def _version(python: str, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
