"""What a measurement plays on: a server with a clock, runs that live, and a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from aurora_dash.presets import get_preset
from aurora_dash.runs.launch import LauncherName, launch
from aurora_dash.runs.metrics import MetricsWriter
from aurora_dash.runs.ownership import own
from aurora_dash.runs.status import RunState
from aurora_dash.runs.store import Run, RunStore
from tests.browser.serving import Server

CHROMIUM = "/usr/bin/chromium"
SERIES = (
    *("loss", "grad_norm", "lr", "step_seconds", "data_seconds", "memory_bytes"),
    *(f"grad_norm/{group}" for group in ("encoder", "backbone", "decoder")),
    *(f"loss/{name}" for name in ("2t", "10u", "10v", "msl", "q/850")),
    *(f"loss/{name}/{level}" for name in "tuz" for level in (500, 850)),
)
"""Twenty, as a run of the demo has them."""
WRITES_A_SECOND = 4.0
_STARTING_SECONDS = 180.0

# Called after each drawing of a chart; what it notes is on the screen with the next frame.
_WATCH = """key => {
  const chart = document.querySelector(`[data-live-chart^="${key}"]`);
  window.seen = [];
  chart.on("plotly_afterplot", () => {
    const steps = chart._fullData[0]?.x ?? [];
    const newest = steps[steps.length - 1] ?? -1;
    requestAnimationFrame(() => window.seen.push([newest, Date.now() / 1000]));
  });
}"""
_DRAWN = """key => {
  const chart = document.querySelector(`[data-live-chart^="${key}"]`);
  return (chart?._fullData?.[0]?.x?.length ?? 0) > 0;
}"""


@dataclass
class TimedServer(Server):
    """The dashboard with a clock in it."""

    times_path: Path = field(default_factory=Path)

    @classmethod
    def opened(cls, folder: Path) -> Self:
        """A server that runs; its runs and the queue of its devices lie in `folder`."""
        server = cls.in_folder(folder)
        server.times_path = folder / "times.jsonl"
        server.command = (sys.executable, "-m", "benchmarks.live_parts.timed_server")
        server.environment = {"LIVE_TIMES": str(server.times_path)}
        # What this process launches is queued where the server looks.
        os.environ |= {"AURORA_DASH_RUNS": str(server.runs)}
        os.environ |= {"AURORA_DASH_QUEUE": str(server.queue)}
        server.start()
        # What is measured is a server that has been there for a while.
        deadline = time.monotonic() + _STARTING_SECONDS
        while not server.times("warm") and time.monotonic() < deadline:
            time.sleep(0.2)
        return server

    @property
    def system(self) -> psutil.Process:
        """The process, as the system sees it."""
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def cpu_seconds(self) -> float:
        """Time of all its threads so far."""
        times = self.system.cpu_times()
        return float(times.user + times.system)

    def times(self, kind: str, since: float = 0.0) -> list[Mapping[str, float]]:
        """What the clock noted of a kind since then (seconds since 1970)."""
        if not self.times_path.exists():
            return []
        lines = self.times_path.read_text(encoding="utf-8").splitlines()
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if note["kind"] == kind and note["at"] >= since]


@contextlib.contextmanager
def served(folder: Path) -> Iterator[TimedServer]:
    """A server for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    server = TimedServer.opened(folder)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium for as long as the block lasts."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def watched(browser: Browser, server: TimedServer, run: Run) -> Page:
    """A tab of its own browser profile on a run; it notes when which step is on the screen."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{server.url}/monitor?run={run.id}")
    page.wait_for_function(_DRAWN, arg="loss")
    page.evaluate(_WATCH, "loss")
    return page


def seen(page: Page) -> list[tuple[float, float]]:
    """Newest step on the screen and since when (seconds since 1970), in the order of time."""
    return [(float(step), float(when)) for step, when in page.evaluate("window.seen")]


def delays(written: Mapping[int, float], found: list[tuple[float, float]]) -> list[float]:
    """Seconds from the writing of every step (`written`) until one as new was seen."""
    rising = [(step, when) for step, when in found if step >= 0]
    newest = np.maximum.accumulate([step for step, _ in rising])
    when = [when for _, when in rising]
    places = np.searchsorted(newest, list(written))
    return [
        when[place] - time
        for place, time in zip(places, written.values(), strict=True)
        if place < len(when)
    ]


def spread(values: list[float]) -> dict[str, float]:
    """Count, median and 95th percentile."""
    if not values:
        raise RuntimeError("nothing was measured")
    p50, p95 = np.percentile(values, (50, 95))
    return {"count": len(values), "p50": float(p50), "p95": float(p95)}


def record(step: int, rng: np.random.Generator) -> dict[str, float | int | str]:
    """What a trainer writes of a step: numbers that fall and shake."""
    values = np.exp(-step / 1e5) + 0.1 * rng.random(len(SERIES))
    named = zip(SERIES, values.round(6).tolist(), strict=True)
    return {"step": step, "split": "train", "epoch": step / 1000, **dict(named)}


def generated(store: RunStore, steps: int, name: str) -> Run:
    """A run with that many steps behind it, which nobody trains."""
    run = store.create(endless(name))
    rng, now = np.random.default_rng(0), time.time()
    with run.metrics_path.open("w", encoding="utf-8") as file:
        for step in range(1, steps + 1):
            known = {"schema": 1, "time": now - 0.3 * (steps + 1 - step)}
            file.write(json.dumps(known | record(step, rng)) + "\n")
    return run


def endless(name: str) -> Any:
    """A spec: the demo's training, without an end, and without the pauses of checks and saves."""
    never = 10**9
    return get_preset("demo").with_overrides(
        [
            f"name={name}",
            *(f"training.{each}={never}" for each in ("steps", "validate_every")),
            f"training.checkpoint_every={never}",
        ]
    )


class Writer:
    """Appends steps to a run as its owner does, at times that nobody can foresee."""

    def __init__(self, run: Run, rate: float = WRITES_A_SECOND) -> None:
        self._run, self._rate = run, rate
        self._step = max(0, run.metrics().num_rows())
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self.written: dict[int, float] = {}
        """When each step was written, in seconds since 1970."""

    def __enter__(self) -> Self:
        self._held = contextlib.ExitStack()
        owner = self._held.enter_context(own(self._run))
        owner.update(state=RunState.RUNNING)
        self._metrics = self._held.enter_context(MetricsWriter(self._run.metrics_path))
        self.write()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._thread.join()
        self._held.close()

    def write(self) -> None:
        """One step more."""
        self._step += 1
        now = time.time()
        self._metrics.write(record(self._step, np.random.default_rng(self._step)) | {"time": now})
        self.written[self._step] = now

    def _work(self) -> None:
        # Even steps would beat with the page's own timer.
        while not self._ends.wait(random.uniform(0.5, 1.5) / self._rate):
            self.write()


@contextlib.contextmanager
def training(server: TimedServer, launcher: LauncherName, browser: Browser) -> Iterator[Run]:
    """A run that trains for real, in the server or beside it, for as long as the block lasts."""
    run = RunStore(server.runs).create(endless(f"in-a-{launcher}"))
    if launcher is LauncherName.THREAD:
        page = browser.new_page()
        page.goto(f"{server.url}/monitor?run={run.id}")
        page.get_by_role("button", name="Launch", exact=True).click(timeout=60_000)
        _wait(run, RunState.RUNNING)
        page.close()
    else:
        launch(run, launcher)
        _wait(run, RunState.RUNNING)
    try:
        while run.metrics().num_rows() < 5:
            time.sleep(0.2)
        yield run
    finally:
        run.request("stop")
        _wait(run, RunState.STOPPED)


def _wait(run: Run, state: RunState) -> None:
    deadline = time.monotonic() + _STARTING_SECONDS
    while (status := run.status()).state is not state:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{run.id} is {status.state} and not {state}: {status.reason}")
        time.sleep(0.2)


def steps_written(run: Run, since: float) -> dict[int, float]:
    """When each step since then was written, by what its record says."""
    columns = run.metrics().columns("train", ("step", "time"))
    new = columns["time"] >= since
    steps = columns["step"][new].astype(int).tolist()
    return dict(zip(steps, columns["time"][new].tolist(), strict=True))
