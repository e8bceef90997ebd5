"""How long after a click three linked maps are seen, in a real browser, by way to draw them.

    python benchmarks/maps.py --out benchmarks/results/maps.json

Three panels (prediction, target, error) of one field at 0.25 and at 0.1 degrees. Timed in headless
Chromium with software rendering, from the event in the browser until the picture is on the screen:
the click that shows the maps, a change of lead and variable, and a zoom (the turn of the wheel, the
pause that ends it, and the part in view at the grid's own resolution). Beside the dashboard's
canvases, in the same run: Cartopy's `pcolormesh` through `st.pyplot`, and a plain Plotly heat map.
A way that takes longer than the limit is written as such and not tried again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, Playwright, sync_playwright  # noqa: E402
from playwright.sync_api import TimeoutError as BrowserTimeoutError  # noqa: E402

from benchmarks.surroundings import put, surroundings  # noqa: E402
from tests.small_app import served  # noqa: E402

GRIDS = {"0.25 degrees": (721, 1440), "0.1 degrees": (1801, 3600)}
GOALS = {"click": 0.4, "change": 0.3, "zoom": 0.5}
ACTIONS = {"click": "Show", "change": "Change", "zoom": "Closer"}
WAYS = ("canvas", "plotly", "cartopy")

# What tells one drawing from another; empty as long as none is on the screen.
_SEEN = {
    "canvas": """() => document.querySelector('[data-map-canvas]')?.dataset.shown ?? ''""",
    "plotly": """() => {
      const charts = document.querySelectorAll('.js-plotly-plot');
      const chart = charts[charts.length - 1];
      const images = [...(chart?.querySelectorAll('.heatmaplayer image') ?? [])];
      if (images.length < 3) return '';
      return images.map(image => image.getAttribute('href') ?? '').join();
    }""",
    "cartopy": """() => {
      const image = document.querySelector('[data-testid=stImage] img');
      return image?.complete && image.naturalWidth ? image.src : '';
    }""",
}
_DETAIL = """() => document.querySelector('[data-map-canvas]')?.dataset.part ?? ''"""

# From the event, as the browser dates it, to the frame after the one in which it is all there.
_TIME = """([seen, before, kind]) => {
  const look = eval(seen);
  window.timed = null;
  addEventListener(kind, ({ timeStamp }) => {
    const wait = () => {
      const now = look();
      if (!now || now === before) return requestAnimationFrame(wait);
      requestAnimationFrame(() => (window.timed = (performance.now() - timeStamp) / 1000));
    };
    requestAnimationFrame(wait);
  }, { capture: true, once: true });
}"""


class TooLongError(Exception):
    """A way took longer than the limit."""


class Stage:
    """A page on which one way draws."""

    def __init__(self, page: Page, way: str, limit: float) -> None:
        self.page = page
        self.way = way
        self.limit = limit

    def press(self, button: str, seen: str) -> float:
        """Seconds from the click on a button until another picture is on the screen."""
        before = self.page.evaluate(seen)
        return self._timed(
            seen, before, "click", self.page.get_by_role("button", name=button, exact=True).click
        )

    def hide(self) -> None:
        """Take the maps away."""
        self.page.get_by_role("button", name="Hide").click()
        self.page.wait_for_function(f"!({_SEEN[self.way]})()")

    def turn_wheel(self) -> float:
        """Seconds from a turn of the wheel until the part in view is there in detail."""
        box = self.page.locator(".aurora-map-frame").nth(1).bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.25 * box["height"])
        before = self.page.evaluate(_DETAIL)
        return self._timed(_DETAIL, before, "wheel", lambda: self.page.mouse.wheel(0, -1400))

    def show_all(self) -> None:
        """End the zoom."""
        self.page.get_by_role("button", name="Show all").click()
        self.page.wait_for_function(f"!({_DETAIL})()")

    def _timed(self, seen: str, before: str, kind: str, act: Callable[[], Any]) -> float:
        self.page.evaluate(_TIME, [f"({seen})", before, kind])
        act()
        try:
            self.page.wait_for_function("window.timed", timeout=1000 * self.limit)
        except BrowserTimeoutError as error:
            raise TooLongError from error
        return float(self.page.evaluate("window.timed"))


def main() -> int:
    """Measure, print or write JSON."""
    options = _options()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, (rows, columns) in GRIDS.items():
            shape = (max(rows // options.shrink, 19), max(columns // options.shrink, 36))
            ways = {way: _measure(playwright, way, shape, Path(folder), options) for way in WAYS}
            found[name] = {"rows": shape[0], "columns": shape[1], "ways": ways}
    load = {"cores": os.cpu_count(), "load_average": os.getloadavg()[0]}
    result = {"goals": GOALS, "limit": options.limit, "grids": found, **load, **surroundings()}
    put(result, options.out)
    return 0


def _measure(
    playwright: Playwright,
    way: str,
    shape: tuple[int, int],
    folder: Path,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Seconds of all tries of each action, on a server and in a browser of this way's own: a way
    that takes too long goes on working.
    """
    tries = options.tries if way == "canvas" else options.other_tries
    app = ROOT / "benchmarks" / "maps_app.py"
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
    taken: dict[str, list[float]] = {action: [] for action in ACTIONS}
    with served(app, folder / f"{way}-{shape[0]}.log") as address, closing(browser):
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/?way={way}&rows={shape[0]}&columns={shape[1]}")
        page.get_by_text("Drawing 0").wait_for()
        stage = Stage(page, way, options.limit)
        try:
            # Libraries are loaded and coastlines read when the first map is drawn.
            first = stage.press(ACTIONS["click"], _SEEN[way])
            _rounds(stage, tries, taken)
        except TooLongError:
            return {"tries": taken, "timed_out": True}
        spreads = {action: _spread(seconds) for action, seconds in taken.items()}
        return {"first": first, "tries": taken, **spreads}


def _rounds(stage: Stage, tries: int, taken: dict[str, list[float]]) -> None:
    seen = _SEEN[stage.way]
    for _ in range(tries):
        stage.hide()
        taken["click"].append(stage.press(ACTIONS["click"], seen))
        taken["change"].append(stage.press(ACTIONS["change"], seen))
        if stage.way == "canvas":
            taken["zoom"].append(stage.turn_wheel())
            stage.show_all()
        else:
            taken["zoom"].append(stage.press(ACTIONS["zoom"], seen))


def _spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile; of few tries the longest."""
    many = len(seconds) > 2
    worst = statistics.quantiles(seconds, n=20, method="inclusive")[-1] if many else max(seconds)
    return {"p50": statistics.median(seconds), "p95": worst}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=12, help="of the canvases")
    parser.add_argument("--other-tries", type=int, default=1, help="of the other ways")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one drawing")
    parser.add_argument("--shrink", type=int, default=1, help="divide the grids, for a trial")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
