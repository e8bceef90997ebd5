"""The Doctor page: one examination of the machine, followed while it goes on."""

from __future__ import annotations

import streamlit as st

from aurora_dash.doctor import Diagnosis, examine
from aurora_dash.runs.store import default_root
from aurora_dash.ui import boundary, widgets
from aurora_dash.ui.tasks import tasks

_SECONDS_BETWEEN_LOOKS = 1.0


def examination() -> None:
    """The newest examination of this server's machine, begun by a button."""
    network = st.toggle(
        "Ask the hub and the Climate Data Store too",
        value=True,
        help="Asks for an answer only, five seconds at most each; nothing is sent or downloaded.",
        key="doctor-network",
    )
    work, root = tasks("examination"), default_root()
    if st.button(
        "Examine",
        icon=":material/stethoscope:",
        type="primary",
        disabled=work.is_working(root),
        help="Imports PyTorch and Aurora in a process of its own and computes on the GPU: some "
        "twenty seconds.",
        key="examine",
    ):
        work.start(root, lambda: examine(root, network=network))
        st.rerun()
    every = _SECONDS_BETWEEN_LOOKS if work.is_working(root) else None
    st.fragment(_follow, run_every=every)(was_working=work.is_working(root))


def _follow(*, was_working: bool) -> None:
    with boundary.errors_shown():
        work, root = tasks("examination"), default_root()
        if work.is_working(root):
            st.info(
                "Examining: packages, PyTorch, CUDA, memory, disk, hub and Climate Data Store.",
                icon=":material/hourglass_top:",
            )
            return
        if was_working:
            st.rerun()
        if problem := work.problem(root):
            boundary.show_error(problem)
        found = work.result(root)
        if isinstance(found, Diagnosis):
            _diagnosis(found)
        else:
            st.caption("Not examined yet. The same from a shell: `aurora-dash doctor`.")


def _diagnosis(found: Diagnosis) -> None:
    if found.is_healthy:
        st.success("Nothing keeps runs from working here.", icon=":material/check_circle:")
    widgets.findings(
        found.findings, expanded=True, info_title="What was found to be in order, or good to know"
    )
