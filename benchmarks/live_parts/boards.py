"""Dashboards on the same points, each with a server of its own and a page in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, Response

from aurora_dash.runs.store import RunStore
from benchmarks.live_parts import stage
from benchmarks.live_parts.rival_points import HEIGHT, PROJECT, SERIES, points

_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_PRESSING_SECONDS = 1.0
_WRITER = Path(__file__).with_name("rival_points.py")


class Board(ABC):
    """One dashboard on the points, in a browser."""

    note = ""

    def __init__(self, folder: Path, spike: int) -> None:
        self.folder, self.spike = folder, spike
        self.bytes = 0
        self.newest = -1
        self.saw_spike = False

    @abstractmethod
    def append(self, first: int, count: int) -> float:
        """Write points; when that was done, in seconds since 1970."""

    @abstractmethod
    def serve(self) -> contextlib.AbstractContextManager[str]:
        """Its server, as long as the block lasts; the page's address."""

    @abstractmethod
    def watch(self, page: Page) -> None:
        """Have all that comes over the wire counted."""

    @abstractmethod
    def look(self, page: Page) -> bool:
        """Bring `newest` and `saw_spike` up to date; whether a chart is drawn."""

    def brought(self, before: int) -> int:
        """How many bytes brought the newest points, `before` of all having come earlier."""
        return self.bytes - before


class Rival(Board):
    """A dashboard that fetches data over HTTP, in a Python of its own."""

    data: str
    """What addresses of data contain."""
    drawn: str
    """What a drawn chart is on its page."""

    def __init__(self, folder: Path, spike: int, python: str, port: int) -> None:
        super().__init__(folder, spike)
        self.python, self.port = python, port
        self._newest_bytes = 0
        self.environment = {**os.environ, "TRACKIO_DIR": str(folder)}

    def append(self, first: int, count: int) -> float:
        """Write points; when that was done."""
        numbers = [str(number) for number in (first, count, self.spike)]
        kind = type(self).__name__.lower()
        command = [self.python, str(_WRITER), kind, str(self.folder), *numbers]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return float(done.stdout.splitlines()[-1])

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        """Its server, as long as the block lasts."""
        with (self.folder.parent / f"{self.folder.name}.log").open("wb") as log:
            server = subprocess.Popen(self.command(), env=self.environment, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{self.port}"
        try:
            _wait_for_answer(url)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)

    @abstractmethod
    def command(self) -> list[str]:
        """What starts the server."""

    def watch(self, page: Page) -> None:
        """Have what comes counted."""
        page.on("response", self._take)

    def _take(self, response: Response) -> None:
        if self.data not in response.url:
            return
        text = response.text()
        self.bytes += len(text)
        steps = [int(step) for step in re.findall(r'"step": ?(\d+)', text)]
        if (newest := max(steps, default=-1)) > self.newest:
            self.newest, self._newest_bytes = newest, len(text)
        self.saw_spike |= self.spike in steps

    def look(self, page: Page) -> bool:
        """Whether a chart is drawn, and what is in it."""
        return page.locator(self.drawn).count() > 0

    def brought(self, before: int) -> int:
        """Those of one answer: what was asked for while points were written does not count."""
        return self._newest_bytes


class TensorBoard(Rival):
    """With its own reader of event files, looking for new points every second."""

    data, drawn = "/timeSeries", "line-chart canvas, line-chart svg"
    note = (
        "Samples 1000 points a scalar by default, at random, and shows those. Its page reloads "
        "every 30 s at most: here its reload button is pressed every second."
    )
    _pressed = 0.0

    def command(self) -> list[str]:
        """What starts the server."""
        return [
            *(self.python, "-m", "tensorboard.main", "--logdir", str(self.folder)),
            *("--port", str(self.port), "--host", "127.0.0.1", "--reload_interval", "1"),
        ]

    def look(self, page: Page) -> bool:
        """Whether a chart is drawn, and what is in it."""
        # What its own timer would do after half a minute.
        if time.monotonic() - self._pressed > _PRESSING_SECONDS:
            page.locator("app-header-reload button").click()
            self._pressed = time.monotonic()
        return super().look(page)


class Trackio(Rival):
    """With its own timer."""

    data, drawn = "/api/get_logs", ".vega-embed canvas, .vega-embed svg"
    note = "Sends every so many-th row, at most 3000."

    def command(self) -> list[str]:
        """What starts the server."""
        call = (
            f"import trackio; trackio.show(project={PROJECT!r}, open_browser=False, "
            f"block_thread=True, host='127.0.0.1', server_port={self.port})"
        )
        return [self.python, "-c", call]


class Ours(Board):
    """This dashboard, which sends over a websocket."""

    note = "Thins by the extremes of bins, so that no spike is left out."

    def __init__(self, folder: Path, spike: int, count: int) -> None:
        super().__init__(folder, spike)
        self._held = contextlib.ExitStack()
        self._server = self._held.enter_context(stage.served(folder))
        self._run = RunStore(self._server.runs).create(stage.endless("side-by-side"))
        self._write(1, count)
        self._writer = self._held.enter_context(stage.Writer(self._run, rate=1e-6))

    def _write(self, first: int, count: int) -> None:
        with self._run.metrics_path.open("a", encoding="utf-8") as file:
            for step, value in points(first, count, self.spike):
                known = {"step": step, "split": "train", "time": time.time(), "epoch": 0.0}
                file.write(json.dumps({**known, SERIES: value}) + "\n")

    def append(self, first: int, count: int) -> float:
        """Write points; when that was done."""
        self._write(first, count)
        return time.time()

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        """Its server, as long as the block lasts."""
        with self._held:
            yield f"{self._server.url}/monitor?run={self._run.id}"

    def watch(self, page: Page) -> None:
        """Have what comes counted."""

        def count(payload: str | bytes) -> None:
            self.bytes += len(payload)

        page.on("websocket", lambda socket: socket.on("framereceived", count))

    def look(self, page: Page) -> bool:
        """Whether a chart is drawn, and what is in it."""
        found = page.evaluate(
            """() => {
              const trace = document.querySelector('[data-live-chart^=loss]')?._fullData?.[0];
              if (!trace?.x?.length) return null;
              return [Math.max(...trace.x), Math.max(...trace.y)];
            }"""
        )
        if found is None:
            return False
        self.newest, self.saw_spike = int(found[0]), found[1] >= HEIGHT
        return True


def _wait_for_answer(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return
