"""The Monitor page's log: what the run says, followed to its newest line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from aurora_dash.runs.lines import Record
from aurora_dash.runs.log import tail
from aurora_dash.runs.process import LOG_FILE
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, runs_view

_EVENTS_SHOWN = 500
_HEIGHT = 320
_EVENTS, _OUTPUT = "Events", "Output"
_LEVELS = {
    "All": ("info", "warning", "error"),
    "Warnings": ("warning", "error"),
    "Errors": ("error",),
}
_LEVEL_ICONS = {
    "error": ":red[:material/error:]",
    "warning": ":orange[:material/warning:]",
    "info": ":gray[:material/info:]",
}


def draw(run: Run) -> None:
    """Events, or what the run's processes printed; the newest at the bottom, where the panel stays
    unless somebody scrolls up."""
    st.subheader("Log", anchor=False)
    events, output = runs_view.events(run), run.folder / LOG_FILE
    which, level, words = _controls(events, has_output=output.exists())
    with st.container(height=_HEIGHT, border=True, autoscroll=True, key="log-panel"):
        if which == _OUTPUT:
            st.code(_matching(_tail(output, output.stat().st_size), words), language=None)
        else:
            st.markdown(_told(found(events, level, words)))
    _traceback(events)
    _downloads(run.events_path, output)


def found(events: Iterable[Record], level: str, words: str) -> list[Record]:
    """The events of a level, or above it, that contain words; the newest of many."""
    levels, wanted = _LEVELS[level], words.casefold()
    matching = [
        event
        for event in events
        if _level_of(event) in levels and wanted in str(event.get("message", "")).casefold()
    ]
    return matching[-_EVENTS_SHOWN:]


def _controls(events: Sequence[Record], *, has_output: bool) -> tuple[str, str, str]:
    """Which log, from which level on, and with which words."""
    with st.container(horizontal=True, vertical_alignment="center"):
        which: str | None = _EVENTS
        if has_output:
            which = st.segmented_control(
                "What the run says",
                (_EVENTS, _OUTPUT),
                default=_EVENTS,
                required=True,
                label_visibility="collapsed",
                key="log-of",
            )
        level = st.segmented_control(
            "Level",
            list(_LEVELS),
            default="All",
            required=True,
            label_visibility="collapsed",
            disabled=which == _OUTPUT or not events,
            key="log-level",
        )
        words = st.text_input(
            "Search the log",
            placeholder="Search the log",
            label_visibility="collapsed",
            key="log-words",
            width=260,
        )
    return which or _EVENTS, level or "All", words


def _told(events: Sequence[Record]) -> str:
    lines = [_event_line(event) for event in events]
    return "  \n".join(lines) if lines else ":small[Nothing to report.]"


def _event_line(event: Record) -> str:
    when = event.get("time")
    clock = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S} UTC" if when else ""
    icon = _LEVEL_ICONS[_level_of(event)]
    return f":small[{icon} `{clock}` {boundary.plain(str(event.get('message', '')))}]"


def _level_of(event: Record) -> str:
    level = str(event.get("level"))
    return level if level in _LEVEL_ICONS else "info"


@st.cache_resource(max_entries=8, show_spinner=False)
def _tail(path: Path, size: int) -> str:
    """The end of a file, read once for each `size` that it has."""
    return tail(path)


def _matching(text: str, words: str) -> str:
    wanted = words.casefold()
    return "\n".join(line for line in text.splitlines() if wanted in line.casefold())


def _traceback(events: Sequence[Record]) -> None:
    """The details of the newest crash."""
    details = next((str(e["traceback"]) for e in reversed(events) if e.get("traceback")), "")
    if details:
        with st.expander("Details of the failure", icon=":material/bug_report:"):
            st.code(details, language="python", wrap_lines=True)


def _downloads(*paths: Path) -> None:
    with st.container(horizontal=True):
        for path in paths:
            if path.exists():
                st.download_button(
                    path.name,
                    path.read_bytes,
                    file_name=path.name,
                    mime="text/plain",
                    icon=":material/download:",
                    help="The whole file, from the first line on.",
                    on_click="ignore",
                    key=f"download-{path.name}",
                )
