"""(d): whether the server's memory stays flat over as many refreshes as an hour has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from aurora_dash.runs.store import RunStore
from benchmarks.live_parts import stage
from benchmarks.live_parts.tabs import Tabs

HOUR_OF_REFRESHES = 7200
"""At the page's half second."""
_STEPS_BEFORE = 20_000
_TABS = 2
_WARM_SHARE = 0.1
_LOOK_SECONDS = 0.5


def over_refreshes(folder: Path, *, refreshes: int) -> dict[str, Any]:
    """Resident bytes at the start, in the middle and at the end, and their trend.

    The first tenth is left out of the trend: caches fill.
    """
    looks: list[tuple[int, int]] = []
    with stage.served(folder) as server:
        run = stage.generated(RunStore(server.runs), _STEPS_BEFORE, "hour")
        with (
            stage.Writer(run, rate=40.0) as writer,
            Tabs(server.url, run.id, _TABS, is_hasty=True) as tabs,
        ):
            began, before = time.monotonic(), tabs.refreshes
            while (done := tabs.refreshes - before) < refreshes:
                tabs.check()
                looks.append((done, server.system.memory_info().rss))
                time.sleep(_LOOK_SECONDS)
            seconds = time.monotonic() - began
        collections = server.times("gc")
    done_at, bytes_at = np.array(looks, dtype=np.float64).T
    settled = done_at >= _WARM_SHARE * refreshes
    trend = float(np.polyfit(done_at[settled], bytes_at[settled], 1)[0])
    middle = int(np.searchsorted(done_at, refreshes / 2))
    return {
        "refreshes": int(done_at[-1]),
        "steps_written": len(writer.written),
        "seconds": seconds,
        "rss_bytes": {
            "start": int(bytes_at[settled][0]),
            "middle": int(bytes_at[min(middle, len(looks) - 1)]),
            "end": int(bytes_at[-1]),
        },
        "trend_bytes_an_hour": trend * HOUR_OF_REFRESHES,
        "full_collections": len(collections),
        "longest_collection_seconds": max((c["wall"] for c in collections), default=0.0),
    }
