"""(b): what a refresh costs the server when the run is long, and what the first drawing costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from aurora_dash.runs.store import Run, RunStore
from aurora_dash.ui import monitor_charts
from benchmarks.live_parts import stage
from benchmarks.live_parts.tabs import Tabs

GOAL_SECONDS, GOAL_BYTES = 0.030, 100_000
ALL_OPEN = "".join(f"&{section.key}=true" for section in monitor_charts.SECTIONS)
"""Every chart that there is; the page opens with those that matter first."""


def long_run(folder: Path, *, steps: int, seconds: float) -> dict[str, Any]:
    """A run of that many steps, opened in a new server, again, and then refreshed."""
    with stage.served(folder) as server:
        run = stage.generated(RunStore(server.runs), steps, "long")
        with stage.browser() as browser:
            cold = _opened(server, run, browser)
            warm = _opened(server, run, browser)
        with stage.Writer(run):
            as_it_opens = _refreshes(server, run, "", seconds)
            all_open = _refreshes(server, run, ALL_OPEN, seconds)
        return {
            "steps": steps,
            "series": len(stage.SERIES),
            "file_bytes": run.metrics_path.stat().st_size,
            "goal_seconds": GOAL_SECONDS,
            "goal_bytes": GOAL_BYTES,
            "first_chart_seconds": {"new_server": cold, "known_to_server": warm},
            "as_it_opens": as_it_opens,
            "all_sections_open": all_open,
        }


def _refreshes(server: stage.TimedServer, run: Run, query: str, seconds: float) -> dict[str, Any]:
    with Tabs(server.url, run.id, 1, query=query) as tabs:
        first = tabs.all[0]
        began, busy, before = time.time(), server.cpu_seconds(), tabs.refreshes
        time.sleep(seconds)
        busy, count = server.cpu_seconds() - busy, tabs.refreshes - before
        notes = server.times("fragment", began)
    sizes = first.refreshes[before:]
    return {
        "charts": first.charts,
        "first_bytes": first.first_bytes,
        "refreshes": count,
        "thread_wall_seconds": _of(notes, "wall"),
        "thread_cpu_seconds": _of(notes, "cpu"),
        "process_cpu_seconds": busy / count,
        "bytes": {"mean": float(np.mean(sizes)), "largest": max(sizes)},
    }


def _opened(server: stage.TimedServer, run: Run, browser: Browser) -> float:
    began = time.monotonic()
    page = stage.watched(browser, server, run)
    spent = time.monotonic() - began
    page.close()
    return spent


def _of(notes: list[Mapping[str, float]], key: str) -> dict[str, float]:
    return stage.spread([note[key] for note in notes])
