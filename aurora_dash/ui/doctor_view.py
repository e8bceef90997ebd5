"""What the data doctor found: pictures, places, and fixes that one click applies or undoes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import streamlit as st

from aurora_dash.data.findings import Finding, Fix, Severity
from aurora_dash.data.remedies import APPLIED, IDLE
from aurora_dash.data.report import check_document
from aurora_dash.errors import DataError
from aurora_dash.figures.check_report import check_report
from aurora_dash.figures.thumbnails import WIDTH, thumbnail
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, opened, state, widgets
from aurora_dash.ui.boundary import plain

_HEADINGS: Mapping[Severity, tuple[str, str]] = {
    "error": (":red[:material/block:]", "In the way of a launch"),
    "warning": (":orange[:material/warning:]", "Worth a look"),
}


def show(spec: RunSpec, found: Sequence[Finding]) -> None:
    """Findings by weight, then the remedies that are applied, then what was merely done."""
    applied = [finding for finding in found if finding.code in (APPLIED, IDLE)]
    others = [finding for finding in found if finding.code not in (APPLIED, IDLE)]
    number = 0
    for severity, (icon, heading) in _HEADINGS.items():
        group = [finding for finding in others if finding.severity == severity]
        if group:
            st.markdown(f"##### {icon} {heading} ({len(group)})")
        for finding in group:
            _card(finding, number)
            number += 1
    _applied(applied, others)
    infos = [finding for finding in others if finding.severity == "info"]
    if infos:
        title = f"What was done while opening ({len(infos)})"
        with st.expander(title, icon=":material/info:"):
            for finding in infos:
                st.markdown(f"- {widgets.finding_text(finding)}")
    _report(spec, found)


def _card(finding: Finding, number: int) -> None:
    with st.container(border=True, key=f"finding-{finding.severity}-{number}"):
        if finding.picture is None:
            _words(finding)
        else:
            with st.container(horizontal=True, vertical_alignment="top"):
                with st.container(width="stretch", key=f"words-{number}"):
                    _words(finding)
                st.image(thumbnail(finding.picture.to_dict()), width=WIDTH)
        if finding.fixes:
            with st.container(horizontal=True, gap="small"):
                for position, fix in enumerate(finding.fixes):
                    _button(fix, f"fix-{number}-{position}", first=position == 0)


def _words(finding: Finding) -> None:
    st.markdown(plain(finding.message))
    if finding.remedy:
        st.markdown(f"**What to do:** {plain(finding.remedy)}")


def _button(fix: Fix, key: str, *, first: bool) -> None:
    kind: Literal["primary", "secondary"] = "primary" if first else "secondary"
    st.button(
        fix.label,
        key=key,
        type=kind,
        icon=":material/healing:" if first else None,
        help="\n\n".join(f"`{assignment}`" for assignment in fix.assignments),
        on_click=_apply,
        args=(fix,),
    )


def _applied(applied: Sequence[Finding], others: Sequence[Finding]) -> None:
    """Remedies of the spec, each with what it did and a way back."""
    if not applied:
        return
    counts = {f.variable: f.message.partition(": ")[2] for f in others if f.code == "infilled"}
    st.markdown(f"##### :green[:material/healing:] Applied remedies ({len(applied)})")
    for number, finding in enumerate(applied):
        filled = counts.get(finding.variable) if "missing values were" in finding.message else None
        text = f"{finding.message} {filled}" if filled else finding.message
        words, way_back = st.columns([6, 1], vertical_alignment="center")
        icon = ":orange[:material/warning:] " if finding.code == IDLE else ""
        words.markdown(icon + plain(text))
        way_back.button(
            "Undo",
            key=f"undo-{number}",
            icon=":material/undo:",
            on_click=_undo,
            args=(finding.fixes[0],),
        )


def _report(spec: RunSpec, found: Sequence[Finding]) -> None:
    try:
        document = check_document(opened.parts(spec), found)
    except DataError:
        # That it can't be opened is among the findings.
        return
    st.download_button(
        "Report of this check",
        check_report(document, title=f"Data check: {spec.name}"),
        file_name="data-check.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        key="check-report",
    )


@boundary.guarded
def _apply(fix: Fix) -> None:
    editor.put(edits.apply_fix(editor.current().spec, fix))
    state.flash(f"Applied: {fix.label}. It can be undone below.")


@boundary.guarded
def _undo(fix: Fix) -> None:
    editor.put(edits.apply_fix(editor.current().spec, fix))
    state.flash("Undone.")
