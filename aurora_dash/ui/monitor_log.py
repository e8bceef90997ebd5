"""The Monitor page's log: the newest events of the run."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from aurora_dash.runs.lines import Record
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, runs_view

_EVENTS_SHOWN = 200
_HEIGHT = 260
_LEVEL_ICONS = {
    "error": ":red[:material/error:]",
    "warning": ":orange[:material/warning:]",
    "info": ":gray[:material/info:]",
}


def draw(run: Run) -> None:
    """The newest events, newest first."""
    st.subheader("Log", anchor=False)
    events = runs_view.events(run)[-_EVENTS_SHOWN:]
    if not events:
        st.caption("Nothing to report yet.")
        return
    lines = [_event_line(event) for event in reversed(events)]
    with st.container(height=_HEIGHT, border=True):
        st.markdown("\n\n".join(lines))


def _event_line(event: Record) -> str:
    when = event.get("time")
    clock = f"{datetime.fromtimestamp(when, UTC):%H:%M:%S} UTC" if isinstance(when, float) else ""
    icon = _LEVEL_ICONS.get(str(event.get("level")), _LEVEL_ICONS["info"])
    return f":small[{icon} `{clock}` {boundary.plain(str(event.get('message', '')))}]"
