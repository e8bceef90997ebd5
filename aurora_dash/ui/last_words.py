"""What a run that ended badly said last: its errors with their details, and its processes' log."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from aurora_dash.runs.lines import Record
from aurora_dash.runs.log import tail
from aurora_dash.runs.process import LOG_FILE
from aurora_dash.runs.store import Run
from aurora_dash.ui import runs_view
from aurora_dash.ui.boundary import plain

_SHOWN = 5
_LOG_BYTES = 16_384
_HEIGHT = 320


def popover(run: Run) -> None:
    """A button that opens them."""
    with st.popover("Open log", icon=":material/article:"):
        told = [e for e in runs_view.events(run) if e.get("level") in ("error", "warning")]
        for event in reversed(told[-_SHOWN:]):
            st.markdown(_line(event))
            if details := str(event.get("traceback", "")):
                st.code(details, language="python", height=_HEIGHT)
        if not told:
            st.caption("No event is a warning or an error; all are at the foot of this page.")
        if said := tail(run.folder / LOG_FILE, _LOG_BYTES).strip():
            st.markdown(f"**The end of {LOG_FILE}**")
            st.code(said, language=None, height=_HEIGHT)


def _line(event: Record) -> str:
    when = event.get("time")
    clock = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S} UTC " if when else ""
    return f":small[{clock}**{event['level']}** {plain(str(event.get('message', '')))}]"
