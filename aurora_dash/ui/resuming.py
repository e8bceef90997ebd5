"""Going on with a run that rests: as it was, or with a changed spec that somebody agreed to."""

from __future__ import annotations

import json

import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.fix import change_spec, preview
from aurora_dash.runs.launch import launch
from aurora_dash.runs.spec_history import Changes, changes_since_checkpoint
from aurora_dash.runs.status import RunState, RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.ui.boundary import plain


def resume_buttons(run: Run, status: RunStatus, saved: list[str]) -> None:
    """Resume as it is, if nothing changed meanwhile, and resume with changes."""
    if not saved:
        _go_on_button(run, status, "Start again")
        return
    step = f"{int(saved[0].removeprefix('step-')):,}"
    edited = changes_since_checkpoint(run)
    if not edited and status.state is not RunState.COMPLETED:
        _go_on_button(run, status, f"Resume from step {step}")
    with st.popover("Resume with changes", icon=":material/edit_note:"):
        if edited:
            st.warning("The spec was edited since the newest checkpoint.")
        _changes_form(run)


def _go_on_button(run: Run, status: RunStatus, label: str) -> None:
    if status.state is RunState.QUEUED:
        label = "Launch"
    # After a failure the same again seldom helps: changing something comes first.
    first = status.state is not RunState.FAILED
    if st.button(
        label,
        icon=":material/play_arrow:",
        type="primary" if first else "secondary",
        key="resume",
    ):
        launch(run)
        st.rerun()


def _changes_form(run: Run) -> None:
    """What is to be changed, what that comes to, and the button that agrees to it."""
    text = st.text_area(
        "Changes",
        placeholder="optimiser.lr=0.0001\ntraining.steps=400",
        help="Fields of the spec, KEY=VALUE, one a line. What makes other weights is refused.",
        key=f"resume-changes-{run.id}",
    )
    assignments = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        changed = preview(run, assignments)
    except AuroraDashError as error:
        st.error(plain(str(error)))
        return
    if not changed:
        st.caption("Nothing differs from what the newest checkpoint was made with.")
        return
    st.table(_rows(changed))
    if st.button("Agree and resume", type="primary", key="agree-and-resume"):
        change_spec(run, assignments)
        launch(run)
        st.rerun()


def _rows(changed: Changes) -> list[dict[str, str]]:
    return [
        {
            "Field": f"`{field}`",
            "Until now": plain(json.dumps(old)),
            "From here on": plain(json.dumps(new)),
        }
        for field, (old, new) in changed.items()
    ]
