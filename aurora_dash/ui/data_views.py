"""The views of the chosen data under the Data page's form; the URL keeps which one is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from aurora_dash.data.findings import launchable
from aurora_dash.spec import RunSpec
from aurora_dash.ui import data_view, look, opened, preparing, widgets

CHECK = "Check"
VIEWS: Mapping[str, Callable[[RunSpec], None]] = {
    CHECK: data_view.recognised,
    "Look": look.look,
    "Prepare": preparing.prepare,
}
"""What draws each view, by its title, in the order shown; called once data is chosen."""


def show(spec: RunSpec, *, chosen: bool) -> bool:
    """Draw the view that is open; True if a run can be launched on the chosen data."""
    if not chosen:
        widgets.empty(
            "No files are named yet",
            "Name files above. What they hold, and whether the model can learn from it, appears "
            "here before anything is launched.",
            icon=":material/folder_open:",
        )
        return False
    VIEWS[_open_view()](spec)
    return launchable(opened.findings(spec))


def _open_view() -> str:
    """The title of the view that is open; of a single one there is no choice."""
    if len(VIEWS) == 1:
        return CHECK
    chosen = st.segmented_control(
        "View of the data",
        list(VIEWS),
        default=CHECK,
        required=True,
        label_visibility="collapsed",
        key="view",
        bind="query-params",
    )
    # An address may name a view that there is not.
    return chosen if chosen in VIEWS else CHECK
