"""The Monitor's export: writes a checkpoint for use elsewhere, on a thread, and shows where."""

from __future__ import annotations

import logging
import threading
from functools import cache
from pathlib import Path

import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, words

_logger = logging.getLogger(__name__)


class Exports:
    """Exports of this process, by run folder; what is done is seen on disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working: set[Path] = set()
        self._problems: dict[Path, AuroraDashError] = {}

    def is_working(self, run: Run) -> bool:
        """Whether a checkpoint of the run is being exported."""
        return run.folder in self._working

    def problem(self, run: Run) -> AuroraDashError | None:
        """Why the run's last export failed, if it did."""
        return self._problems.get(run.folder)

    def start(self, run: Run, checkpoint: str) -> None:
        """Export in the background, unless an export of the run is under way."""
        with self._lock:
            if run.folder in self._working:
                return
            self._working.add(run.folder)
            self._problems.pop(run.folder, None)
        threading.Thread(
            target=self._work, args=(run, checkpoint), name=f"export {run.id}", daemon=True
        ).start()

    def _work(self, run: Run, checkpoint: str) -> None:
        try:
            # Imports PyTorch, which pages never do.
            from aurora_dash.evaluation.export import default_path, export_run

            export_run(run, default_path(run, checkpoint), checkpoint)
        except AuroraDashError as error:
            self._problems[run.folder] = error
        except Exception as error:
            _logger.exception("exporting run %s", run.id)
            message = f"The export failed unexpectedly: {type(error).__name__}."
            self._problems[run.folder] = AuroraDashError(message, remedy="See the server's log.")
        finally:
            self._working.discard(run.folder)


@cache
def exports() -> Exports:
    """Those of the process."""
    return Exports()


def exported(run: Run) -> list[Path]:
    """The checkpoints that were exported of a run, those under way left out."""
    found = run.export_folder.glob("*.ckpt")
    return sorted(path for path in found if not path.name.startswith("."))


def popover(run: Run, checkpoints: list[str]) -> None:
    """Choose a checkpoint and export it; what was exported, with its path."""
    with st.popover("Export", icon=":material/file_export:"):
        st.markdown(
            "Writes the weights, LoRA merged, as one file that plain `aurora` loads, with a model "
            "card and a description beside it. A full-size file takes 5 GB."
        )
        chosen = st.selectbox(
            "Checkpoint",
            ["best", "last", *checkpoints],
            help="Best is the one with the lowest validation loss, last the newest.",
            key="export-checkpoint",
        )
        working = exports().is_working(run)
        if st.button("Export this checkpoint", type="primary", disabled=working, key="export"):
            exports().start(run, chosen)
            working = True
        if working:
            st.caption(":material/hourglass_top: Exporting; this takes a minute for a large model.")
        problem = exports().problem(run)
        if problem is not None:
            boundary.show_error(problem)
        for path in exported(run):
            st.caption(words.size(path.stat().st_size))
            st.code(str(path), language=None)
