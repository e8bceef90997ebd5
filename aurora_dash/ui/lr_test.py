"""The Train page's learning-rate range test: a process of its own, its result a file.

A page only looks whether the file is there, so that a refresh loses nothing, and the memory that
the test takes is given back whatever happens.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from aurora_dash.data.findings import Finding, launchable
from aurora_dash.figures.tuning import lr_range_figure
from aurora_dash.runs.files import write_atomic
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor
from aurora_dash.ui.boundary import plain
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.live_chart import live_chart

_FOLDER = ".lr-tests"
_SPEC, _RESULT, _LOG = "spec.json", "result.json", "log.txt"
_SECONDS_BETWEEN_LOOKS = 2.0
_HEIGHT = 260


class Tests:
    """The range tests that this server has started, by their folder."""

    def __init__(self) -> None:
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, folder: Path, spec: RunSpec) -> None:
        """Begin the test of a spec; an earlier result of the folder is forgotten."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / _SPEC, spec.to_json())
        command = [sys.executable, "-m", "aurora_dash", "lr-test", str(folder / _SPEC), "--json"]
        with (folder / _RESULT).open("wb") as result, (folder / _LOG).open("wb") as log:
            self._processes[folder] = subprocess.Popen(
                [*command, "--runs", str(folder.parent.parent)],
                stdout=result,
                stderr=log,
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            )

    def is_running(self, folder: Path) -> bool:
        """Whether the test of a folder is under way."""
        process = self._processes.get(folder)
        return process is not None and process.poll() is None

    def stop(self, folder: Path) -> None:
        """End the test of a folder."""
        if self.is_running(folder):
            self._processes[folder].terminate()


@cache
def tests() -> Tests:
    """The process's one register of tests."""
    return Tests()


def folder_of(spec: RunSpec) -> Path:
    """Where the test of a spec lies; it changes with all that the test depends on."""
    # Neither the rate, which the test finds, nor words and housekeeping.
    decisive = spec.replace(
        name="lr-test", notes="", optimiser=spec.optimiser.replace(lr=1.0, warmup_steps=0)
    )
    digest = hashlib.sha256(decisive.to_json().encode()).hexdigest()[:16]
    return run_store().root / _FOLDER / digest


def show(spec: RunSpec, findings: tuple[Finding, ...]) -> None:
    """The button, and what the test found or is about to; `findings` may stand in its way."""
    ready = launchable(findings)
    folder = folder_of(spec)
    running = tests().is_running(folder)
    st.caption(
        "Trains for 100 steps at rates from 1e-7 to 1, in a process of its own: no run is made, "
        "and nothing is kept but the curve. It takes the time of 100 steps and the memory of a run."
    )
    with st.container(horizontal=True):
        st.button(
            "Test learning rates",
            icon=":material/experiment:",
            disabled=running or not ready,
            help="Tries rising rates and suggests one."
            if ready
            else "Mend what stands in the way of a launch first.",
            on_click=_start,
            args=(spec,),
            key="lr-test",
        )
        if running:
            st.button("Stop", icon=":material/stop:", on_click=_stop, args=(folder,), key="lr-stop")
    every = _SECONDS_BETWEEN_LOOKS if running else None
    st.fragment(_show, run_every=every)(folder, waited=running)


@boundary.guarded
def _start(spec: RunSpec) -> None:
    tests().start(folder_of(spec), spec)


@boundary.guarded
def _stop(folder: Path) -> None:
    tests().stop(folder)


def _show(folder: Path, *, waited: bool) -> None:
    if tests().is_running(folder):
        st.caption(f":material/hourglass_top: {plain(_last_line(folder / _LOG))}")
        return
    if waited:
        st.rerun()
    if (folder / _RESULT).exists():
        _show_result(folder)


def _show_result(folder: Path) -> None:
    try:
        found: dict[str, Any] = json.loads((folder / _RESULT).read_bytes())
    except ValueError:
        st.caption("The test was stopped before it had a result.")
        return
    if "error" in found:
        st.error(f"{plain(found['error'])}\n\n**What to do:** {plain(found['remedy'])}")
        return
    figure = lr_range_figure(
        found["rates"], found["losses"], found["smoothed"], found["suggestion"]
    )
    live_chart(figure, key=f"lr-test-{folder.name}", height=_HEIGHT)
    st.caption(plain(found["reason"]))
    if found["suggestion"] is not None:
        # Two digits: more would pretend to know what the next test would not find again.
        rate = float(f"{found['suggestion']:.1e}")
        st.button(
            f"Use {rate:g}",
            icon=":material/check:",
            on_click=_use,
            args=(rate,),
            key="lr-use",
        )


@boundary.guarded
def _use(rate: float) -> None:
    spec = editor.current().spec
    editor.put(spec.replace(optimiser=spec.optimiser.replace(lr=rate)))


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "Starting"
