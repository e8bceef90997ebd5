"""(b): what a refresh costs the server when the run is long, and what the first drawing costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aurora_dash.runs.store import RunStore
from benchmarks.live_parts import stage
from benchmarks.live_parts.tabs import Tabs

GOAL_SECONDS, GOAL_BYTES = 0.030, 100_000


def long_run(folder: Path, *, steps: int, seconds: float) -> dict[str, Any]:
    """A run of that many steps, opened in a new server, again, and then refreshed."""
    with stage.served(folder) as server:
        run = stage.generated(RunStore(server.runs), steps, "long")
        with stage.browser() as browser:
            cold = _opened(server, run, browser)
            warm = _opened(server, run, browser)
        with stage.Writer(run), Tabs(server.url, run.id, 1) as tabs:
            first = tabs.all[0]
            began, busy, before = time.time(), server.cpu_seconds(), tabs.refreshes
            time.sleep(seconds)
            busy, count = server.cpu_seconds() - busy, tabs.refreshes - before
            notes = server.times("fragment", began)
            sizes = first.refreshes[before:]
        return {
            "steps": steps,
            "series": len(stage.SERIES),
            "file_bytes": run.metrics_path.stat().st_size,
            "goal_seconds": GOAL_SECONDS,
            "goal_bytes": GOAL_BYTES,
            "first_chart_seconds": {"new_server": cold, "known_to_server": warm},
            "first_bytes": first.first_bytes,
            "refreshes": count,
            "thread_wall_seconds": _of(notes, "wall"),
            "thread_cpu_seconds": _of(notes, "cpu"),
            "process_cpu_seconds": busy / count,
            "bytes": {"mean": float(np.mean(sizes)), "largest": max(sizes)},
        }


def _opened(server: stage.TimedServer, run: Any, browser: Any) -> float:
    began = time.monotonic()
    page = stage.watched(browser, server, run)
    spent = time.monotonic() - began
    page.close()
    return spent


def _of(notes: list[Mapping[str, float]], key: str) -> dict[str, float]:
    return stage.spread([note[key] for note in notes])
