"""Where a run came from: from which spec, launched by whom, when, how and with what."""

from __future__ import annotations

import streamlit as st

from aurora_dash.runs.overview import Overview, overview_of
from aurora_dash.runs.provenance import Launch
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, metrics_files, navigation, words

_LAUNCHERS = {
    "thread": "in a thread of the server",
    "process": "in processes of its own",
    "foreground": "in the foreground of a shell",
}
_COMMIT_LENGTH = 12


def line(overview: Overview) -> str:
    """Who launched a run, when and how, and from what: one line, safe as Markdown."""
    launch, origin = overview.launched, overview.provenance.origin
    parts = []
    if launch:
        count = len(overview.provenance.launches)
        again = f", launch {count}" if count > 1 else ""
        parts.append(f"launched {words.moment(launch.time)} by {launch.by}, {_how(launch)}{again}")
    if origin:
        parts.append(str(origin))
    return " · ".join(boundary.plain(part) for part in parts)


def draw(run: Run) -> None:
    """The line, and the way to the run that this one was made from."""
    overview = overview_of(run)
    text = line(overview)
    if text:
        st.caption(text)
    parent = overview.parent
    if parent and (run.folder.parent / parent).is_dir():
        navigation.link("monitor", "Show the earlier run", icon=":material/undo:", run=parent)


def history(run: Run) -> None:
    """All launches with what was installed then, and the metrics as files."""
    opened = st.expander(
        "Launches and files", icon=":material/history:", key="launches", bind="query-params"
    )
    if not opened.open:
        return
    with opened:
        launches = overview_of(run).provenance.launches
        if launches:
            st.dataframe([_row(launch) for launch in reversed(launches)], hide_index=True)
        else:
            st.caption("Who launched it was not noted.")
        st.code(str(run.folder), language=None)
        metrics_files.download_buttons([run])


def _row(launch: Launch) -> dict[str, str | int]:
    return {
        "Launched": words.moment(launch.time),
        "By": launch.by,
        "How": _how(launch),
        "At step": launch.step,
        "With": ", ".join(f"{name} {number}" for name, number in launch.versions.items()),
        "Commit": (launch.commit or "–")[:_COMMIT_LENGTH],
    }


def _how(launch: Launch) -> str:
    return _LAUNCHERS.get(launch.launcher, launch.launcher)
