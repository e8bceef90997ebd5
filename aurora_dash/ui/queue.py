"""Which runs wait for a device of this machine: their order, and ways to change it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from aurora_dash.runs.control import Action
from aurora_dash.runs.queue import Entry, device_queue, place_of
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, navigation, runs_view, words
from aurora_dash.ui.cache import run_store

_LOOK_SECONDS = 2.0


def waiting_runs() -> None:
    """The runs that wait, of all servers and shells; nothing while there are none."""
    st.fragment(_waiting_runs, run_every=_LOOK_SECONDS)()


def _waiting_runs() -> None:
    with boundary.errors_shown():
        entries = device_queue().entries()
        waiting = [entry for entry in entries if not entry.trains]
        if waiting:
            st.subheader("Waiting for a device", anchor=False)
        for entry in waiting:
            _row(entry, place_of(entry, entries) or 1)


def _row(entry: Entry, place: int) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{place}**")
        _name(entry)
        st.caption(f"{', '.join(entry.devices)} · launched {words.ago(entry.since)}")
        reorder(entry.folder, place)
        st.button(
            "",
            icon=":material/close:",
            help="Take out of the queue: it is not trained",
            key=f"leave-{entry.folder}",
            on_click=_leave,
            args=(entry.folder,),
        )


def _name(entry: Entry) -> None:
    run = Run(entry.folder)
    if entry.folder.parent == run_store().root:
        navigation.link("monitor", f"**{runs_view.title(run)}**", run=run.id)
    else:
        st.markdown(f"{boundary.plain(runs_view.title(run))}, of another folder of runs")


def reorder(folder: Path, place: int, *, named: bool = False) -> None:
    """Buttons that have a waiting run wait one place sooner or later; with words if `named`."""
    for what, icon, other in (
        ("Sooner", ":material/arrow_upward:", place - 1),
        ("Later", ":material/arrow_downward:", place + 1),
    ):
        st.button(
            what if named else "",
            icon=icon,
            help=f"{what}: place {other} in the queue" if other else "It is the next",
            disabled=other < 1,
            key=f"{what}-{folder}",
            on_click=_move,
            args=(folder, other),
        )


@boundary.guarded
def _move(folder: Path, place: int) -> None:
    device_queue().move(folder, place)


@boundary.guarded
def _leave(folder: Path) -> None:
    Run(folder).request(Action.STOP)
