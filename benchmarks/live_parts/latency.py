"""(a) and (e): from a metric's write to the screen, for one browser and for many at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from aurora_dash.runs.launch import LauncherName
from aurora_dash.runs.store import Run, RunStore
from benchmarks.live_parts import stage
from benchmarks.live_parts.tabs import Tabs

GOAL_P95_SECONDS = 0.6
_STEPS_BEFORE = 2000
_LAST_LOOK_SECONDS = 2.0
_FORGOTTEN_SECONDS = 6.0
"""After as long the server no longer counts a page that was closed."""


def one_browser(folder: Path, *, writes: int) -> dict[str, Any]:
    """Delays while nothing else runs, and while a training runs in the server and beside it."""
    found: dict[str, Any] = {"goal_p95_seconds": GOAL_P95_SECONDS}
    with stage.served(folder) as server, stage.browser() as browser:
        run = stage.generated(RunStore(server.runs), _STEPS_BEFORE, "idle")
        with stage.Writer(run):
            found["idle"] = _alone(server, run, browser, writes)
        for launcher in LauncherName:
            with stage.training(server, launcher, browser) as run:
                found[launcher.value] = _alone(server, run, browser, writes)
    return found


def _alone(server: stage.TimedServer, run: Run, browser: Browser, writes: int) -> dict[str, Any]:
    """Delays to one screen, and then to one tab without a browser: each is alone with the run,
    since pages that share a server with its training look less often."""
    page = stage.watched(browser, server, run)
    time.sleep(_FORGOTTEN_SECONDS)
    screen = _watch(server, run, [page], writes, tabs_count=0)
    page.close()
    time.sleep(_FORGOTTEN_SECONDS)
    return screen | {"wire_seconds": _watch(server, run, [], writes)["wire_seconds"]}


def many_browsers(folder: Path, *, writes: int, count: int) -> dict[str, Any]:
    """Delays over all of many browsers on one run; and the same for tabs without a browser."""
    found: dict[str, Any] = {"browsers": count, "goal_p95_seconds": GOAL_P95_SECONDS}
    with stage.served(folder) as server, stage.browser() as browser:
        run = stage.generated(RunStore(server.runs), _STEPS_BEFORE, "crowd")
        with stage.Writer(run):
            with Tabs(server.url, run.id, count):
                found["without_browsers"] = _watch(server, run, [], writes, tabs_count=count)
            pages = [stage.watched(browser, server, run) for _ in range(count)]
            found["with_browsers"] = _watch(server, run, pages, writes)
    return found


def _watch(
    server: stage.TimedServer, run: Run, pages: list[Page], writes: int, tabs_count: int = 1
) -> dict[str, Any]:
    """Delays to the screens, and to tabs without a browser, which see what the server needs."""
    with Tabs(server.url, run.id, tabs_count) as tabs:
        began, busy = time.time(), server.cpu_seconds()
        while len(written := stage.steps_written(run, began)) < writes:
            time.sleep(0.2)
        ended, busy = time.time(), server.cpu_seconds() - busy
        time.sleep(_LAST_LOOK_SECONDS)
        wire = [delay for tab in tabs.all for delay in stage.delays(written, tab.seen)]
    screen = [delay for page in pages for delay in stage.delays(written, stage.seen(page))]
    walls = [note["wall"] for note in server.times("fragment", began)]
    return {
        "writes": len(written),
        "writes_a_second": len(written) / (ended - began),
        "screen_seconds": stage.spread(screen) if pages else None,
        "wire_seconds": stage.spread(wire) if tabs_count else None,
        "fragment_wall_seconds": stage.spread(walls),
        "server_cores": busy / (ended - began),
    }
