"""What one does with compared runs: tags and notes, another run like it, delete and bring back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from aurora_dash.runs.annotations import annotate
from aurora_dash.runs.overview import Overview
from aurora_dash.runs.provenance import Origin
from aurora_dash.runs.status import RunState
from aurora_dash.ui import (
    actions,
    boundary,
    navigation,
    provenance,
    runs_view,
    state,
    widgets,
    words,
)
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.comparing import choose

_TRASH_SHOWN = 10
_ENDED_BADLY = (RunState.FAILED, RunState.INTERRUPTED, RunState.UNRESPONSIVE)


def each(compared: Sequence[Overview], everything: Sequence[Overview]) -> None:
    """A row a run with what can be done with it."""
    tags = sorted({tag for overview in everything for tag in overview.annotations.tags})
    names = choose.titles(compared)
    for overview in compared:
        heading = f"{names[overview.id]} · {overview.status.in_words}"
        with st.expander(boundary.plain(heading), key=f"keep-{overview.id}"):
            if overview.problem:
                st.warning(boundary.plain(overview.problem))
            _annotations(overview, tags)
            _buttons(overview, compared)


def _annotations(overview: Overview, tags: Sequence[str]) -> None:
    status = overview.status
    st.markdown(f"{widgets.state_text(status.state)} {runs_view.labels(overview.run)}")
    st.caption(provenance.line(overview))
    if status.reason and status.state in _ENDED_BADLY:
        st.caption(boundary.plain(f"{status.reason} {status.remedy}".strip()))
    own = list(overview.annotations.tags)
    st.multiselect(
        "Tags",
        list(dict.fromkeys([*own, *tags])),
        default=own,
        accept_new_options=True,
        placeholder="Type a word and press Enter",
        key=f"tags-{overview.id}",
        on_change=_tag,
        args=(overview,),
    )
    st.text_area(
        "Notes",
        value=overview.annotations.notes,
        placeholder="What was tried here, and what came of it",
        key=f"notes-{overview.id}",
        on_change=_note,
        args=(overview,),
    )
    if overview.fields.get("notes"):
        st.caption(f"Its spec says: {boundary.plain(overview.fields['notes'])}")


@boundary.guarded
def _tag(overview: Overview) -> None:
    annotate(overview.run.folder, tags=st.session_state[f"tags-{overview.id}"])


@boundary.guarded
def _note(overview: Overview) -> None:
    annotate(overview.run.folder, notes=st.session_state[f"notes-{overview.id}"].strip())


def _buttons(overview: Overview, compared: Sequence[Overview]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        navigation.link("monitor", "Monitor", icon=":material/monitoring:", run=overview.id)
        spec = runs_view.spec_of(overview.run)
        if spec is not None and st.button(
            "Set up another like it", icon=":material/content_copy:", key=f"clone-{overview.id}"
        ):
            actions.edit(spec, Origin(kind="like", name=overview.id))
        st.button(
            "Leave out",
            icon=":material/remove:",
            key=f"without-{overview.id}",
            on_click=choose.choose,
            args=([o.id for o in compared if o is not overview],),
        )
        st.button(
            "Delete",
            icon=":material/delete:",
            help="Moves the run to the trash, from where it can be brought back below.",
            disabled=overview.status.is_live,
            key=f"delete-{overview.id}",
            on_click=_delete,
            args=(overview, [o.id for o in compared if o is not overview]),
        )


@boundary.guarded
def _delete(overview: Overview, others: list[str]) -> None:
    run_store().delete(overview.id)
    choose.choose(others)
    state.flash(
        f"{boundary.plain(overview.name)} was deleted; it can be brought back at the foot of this "
        "page.",
        kind="info",
    )


def trash() -> None:
    """The runs that were deleted last, each with a way back."""
    deleted = run_store().trashed()
    if not deleted:
        return
    with st.expander(f"Deleted runs ({len(deleted)})", icon=":material/delete:"):
        for path in deleted[:_TRASH_SHOWN]:
            st.button(
                f"Bring back {path.name}",
                icon=":material/undo:",
                key=f"restore-{path.parent.name}",
                on_click=_restore,
                args=(path,),
            )
        if len(deleted) > _TRASH_SHOWN:
            more = words.several(len(deleted) - _TRASH_SHOWN, "older one")
            st.caption(f"{more}: `aurora-dash runs restore RUN` brings any of them back.")


@boundary.guarded
def _restore(path: Path) -> None:
    run = run_store().restore(path)
    state.flash(f"{run.id} is back.")
