"""(c): how many of its steps a second a training keeps while five tabs look at it."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page

from aurora_dash.runs.launch import LauncherName
from aurora_dash.runs.store import Run
from benchmarks.live_parts import stage
from benchmarks.live_parts.tabs import Tabs

GOAL = 0.97
TABS = 5
_SETTLING_SECONDS = 3.0
_FEWEST_STEPS = 5
NOBODY, WITHOUT_BROWSER, IN_BROWSER = "no_tabs", "tabs_without_browser", "tabs_in_browser"


def kept(folder: Path, *, rounds: int, seconds: float) -> dict[str, Any]:
    """The share of the steps a second that is kept, by launcher and kind of tab.

    A browser on the same cores takes time from a training that no server could leave it. So turns
    with tabs in a real browser stand beside turns with tabs that are connections alone.
    """
    found: dict[str, Any] = {"goal": GOAL, "tabs": TABS, "seconds_a_turn": seconds}
    with stage.served(folder) as server, stage.browser() as browser:
        for launcher in LauncherName:
            with stage.training(server, launcher, browser) as run:
                pages = [stage.watched(browser, server, run) for _ in range(TABS)]
                browsers = Browsers(pages)
                browsers.hold()
                found[launcher.value] = _rounds(server, run, browsers, rounds, seconds)
                browsers.let_go()
                for page in pages:
                    page.context.close()
    return found


def _rounds(
    server: stage.TimedServer, run: Run, browsers: Browsers, rounds: int, seconds: float
) -> dict[str, Any]:
    rates: dict[str, list[float]] = {NOBODY: [], WITHOUT_BROWSER: [], IN_BROWSER: []}
    refreshes: dict[str, int] = dict.fromkeys(rates, 0)
    for _ in range(rounds):
        for kind in random.sample(list(rates), len(rates)):
            with _looking(kind, server, run, browsers):
                time.sleep(_SETTLING_SECONDS)
                began = time.time()
                time.sleep(seconds)
                while len(times := list(stage.steps_written(run, began).values())) < _FEWEST_STEPS:
                    time.sleep(0.2)
                refreshes[kind] += len(server.times("fragment", began))
            if kind == NOBODY and refreshes[kind]:
                raise RuntimeError(f"{refreshes[kind]} refreshes came while no tab was to look")
            rates[kind].append((len(times) - 1) / (times[-1] - times[0]))
    return {
        "steps_a_second": rates,
        "refreshes_a_second": {k: n / (rounds * seconds) for k, n in refreshes.items()},
        "kept": {kind: _ratio(rates[kind], rates[NOBODY]) for kind in list(rates)[1:]},
    }


@contextlib.contextmanager
def _looking(kind: str, server: stage.TimedServer, run: Run, browsers: Browsers) -> Iterator[None]:
    if kind == WITHOUT_BROWSER:
        with Tabs(server.url, run.id, TABS):
            yield
    elif kind == IN_BROWSER:
        browsers.let_go()
        yield
        browsers.hold()
    else:
        yield


def _ratio(rates: list[float], alone: list[float]) -> dict[str, Any]:
    each = [some / none for some, none in zip(rates, alone, strict=True)]
    return {"median": median(each), "lowest": min(each), "highest": max(each)}


class Browsers:
    """Tabs in a real browser that can be held still, which costs less than opening them again."""

    def __init__(self, pages: list[Page]) -> None:
        self._pages = pages
        self._held: set[int] = set()
        self._debuggers = [page.context.new_cdp_session(page) for page in pages]
        for index, debugger in enumerate(self._debuggers):
            debugger.on("Debugger.paused", lambda _, index=index: self._held.add(index))
            debugger.send("Debugger.enable")

    def hold(self) -> None:
        """Have their scripts stand still: they keep their connections and ask for nothing."""
        for debugger in self._debuggers:
            debugger.send("Debugger.pause")
        # They are held where they run next, at the latest with the page's timer.
        while len(self._held) < len(self._pages):
            self._pages[0].wait_for_timeout(100)

    def let_go(self) -> None:
        """Have them look again."""
        self._held.clear()
        for debugger in self._debuggers:
            debugger.send("Debugger.resume")
