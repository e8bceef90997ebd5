"""``streamlit run app.py`` with a clock: what every drawing of a page costs the thread that draws.

Writes a JSON line for each into the file that the environment's ``LIVE_TIMES`` names: `kind`
(``page`` or ``fragment``), `wall` and `cpu` seconds of its thread, and when it ended (`at`). And a
line for each garbage collection of the oldest generation: `kind` ``gc`` and `wall` seconds, through
which all threads wait. And one when PyTorch is imported: `kind` ``warm``.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.web import cli

from aurora_dash.ui import lifecycle

_OLDEST = 2


def main() -> int:
    """Serve until the process is ended."""
    with Path(os.environ["LIVE_TIMES"]).open("a", buffering=1, encoding="utf-8") as out:
        _time_drawings(out)
        _time_collections(out)
        threading.Thread(target=_warm_up, args=(out,), daemon=True).start()
        return int(cli.main(["run", "app.py", *sys.argv[1:]]) or 0)


def _warm_up(out: TextIO) -> None:
    """Have PyTorch imported as the first page does, unless that is off, and say when it is done."""
    warm_up = lifecycle.warm_up()
    warm_up.begin()
    while warm_up.state is lifecycle.WarmUpState.LOADING:
        time.sleep(0.1)
    _note(out, "warm", wall=warm_up.seconds)


def _time_drawings(out: TextIO) -> None:
    draw = ScriptRunner._run_script

    def timed(self: ScriptRunner, rerun_data: Any) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            draw(self, rerun_data)
        finally:
            kind = "fragment" if rerun_data.fragment_id_queue else "page"
            _note(out, kind, wall=time.perf_counter() - wall, cpu=time.thread_time() - cpu)

    ScriptRunner._run_script = timed  # type: ignore[method-assign]


def _time_collections(out: TextIO) -> None:
    began = 0.0

    def told(phase: str, info: dict[str, int]) -> None:
        nonlocal began
        if info["generation"] < _OLDEST:
            return
        if phase == "start":
            began = time.perf_counter()
        else:
            _note(out, "gc", wall=time.perf_counter() - began)

    gc.callbacks.append(told)


def _note(out: TextIO, kind: str, **seconds: float) -> None:
    out.write(json.dumps({"kind": kind, "at": time.time(), **seconds}) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
