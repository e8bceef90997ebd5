"""How quickly, and at what price, the Monitor page shows a training as it goes.

    python benchmarks/live.py --out benchmarks/results/live.json      # all parts, about ten minutes
    python benchmarks/live.py --parts latency,refresh                 # some; prints, does not write
    python benchmarks/live.py --parts rivals --rivals /tmp/rivals/bin/python

A real server, real runs, real trainings and a real headless Chromium:

- ``latency``: from a metric's write to the screen, idle and with a training on the same cores;
- ``refresh``: what a refresh costs the server at a million steps of twenty series, and its bytes;
- ``steps``: what share of its steps a second a training keeps while five tabs look;
- ``memory``: the server's memory over as many refreshes as an hour has;
- ``crowd``: ten browsers at once;
- ``rivals``: TensorBoard and trackio beside it, on the same points.

With ``--out``, parts that were not measured this time stay what they were. The rivals may live in
an environment of their own (``--rivals``: its Python), so that they change nothing of this one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.live_parts import latency, memory, refresh, rivals, steps
from benchmarks.surroundings import put, surroundings

Part = Callable[[Path, argparse.Namespace], Mapping[str, Any]]
"""Measures in a folder of its own."""


def _latency(folder: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    return latency.one_browser(folder, writes=8 if options.tiny else 60)


def _refresh(folder: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    size = (5_000, 3.0) if options.tiny else (1_000_000, 30.0)
    return refresh.long_run(folder, steps=size[0], seconds=size[1])


def _steps(folder: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    rounds, seconds = (1, 2.0) if options.tiny else (4, 15.0)
    return steps.kept(folder, rounds=rounds, seconds=seconds)


def _memory(folder: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    count = 150 if options.tiny else memory.HOUR_OF_REFRESHES
    return memory.over_refreshes(folder, refreshes=count)


def _crowd(folder: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    writes, count = (8, 2) if options.tiny else (60, 10)
    return latency.many_browsers(folder, writes=writes, count=count)


def _rivals(folder: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    count = 3_000 if options.tiny else 1_000_000
    return rivals.side_by_side(folder, python=options.rivals, count=count)


PARTS: Mapping[str, Part] = {
    "latency": _latency,
    "refresh": _refresh,
    "steps": _steps,
    "memory": _memory,
    "crowd": _crowd,
    "rivals": _rivals,
}


def main() -> int:
    """Measure the parts one after another, and write or print the results."""
    options = _options()
    if options.tiny:
        os.environ["AURORA_DASH_WARM_UP"] = "0"
    document = _before(options.out)
    for name in options.parts:
        began, around = time.monotonic(), surroundings()
        with tempfile.TemporaryDirectory(prefix=f"live-{name}-") as folder:
            measured = PARTS[name](Path(folder), options)
        seconds = time.monotonic() - began
        document |= {name: {**around, "tiny": options.tiny, "seconds": seconds, **measured}}
        print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
        if options.out is not None:
            put(document, options.out)
    if options.out is None:
        put(document, None)
    return 0


def _before(out: Path | None) -> dict[str, Any]:
    """What was measured earlier."""
    if out is None or not out.exists():
        return {}
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--parts", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)} (all)"
    )
    parser.add_argument("--tiny", action="store_true", help="few steps, short turns: does it run?")
    parser.add_argument(
        "--rivals", default=sys.executable, help="a Python that has tensorboard and trackio"
    )
    parser.add_argument("--out", type=Path, help="write JSON there instead of printing it")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - set(PARTS)):
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there is {list(PARTS)}")
    return names


if __name__ == "__main__":
    raise SystemExit(main())
