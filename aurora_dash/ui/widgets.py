"""Small pieces that several pages draw: chips, labels, findings, facts, empty states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import streamlit as st

from aurora_dash.data.findings import Finding
from aurora_dash.evaluation.results import (
    LEARNT_SYNTHETIC,
    RANDOM,
    SYNTHETIC,
    EvaluationSummary,
)
from aurora_dash.runs.status import RunState
from aurora_dash.spec import RunSpec
from aurora_dash.ui.boundary import plain

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "grey", "primary"]

_CHIPS: Mapping[RunState, tuple[Colour, str]] = {
    RunState.QUEUED: ("gray", ":material/schedule:"),
    RunState.STARTING: ("blue", ":material/hourglass_top:"),
    RunState.RUNNING: ("blue", ":material/play_arrow:"),
    RunState.PAUSED: ("yellow", ":material/pause:"),
    RunState.STOPPING: ("orange", ":material/stop_circle:"),
    RunState.UNRESPONSIVE: ("red", ":material/heart_broken:"),
    RunState.ARRIVING: ("gray", ":material/downloading:"),
    RunState.STOPPED: ("gray", ":material/stop:"),
    RunState.COMPLETED: ("green", ":material/check_circle:"),
    RunState.FAILED: ("red", ":material/error:"),
    RunState.INTERRUPTED: ("orange", ":material/power_off:"),
}
_LABEL_ICONS = {
    SYNTHETIC: ":material/science:",
    LEARNT_SYNTHETIC: ":material/science:",
    RANDOM: ":material/casino:",
}
_FINDING_BOXES = {
    "error": (st.error, ":material/block:"),
    "warning": (st.warning, ":material/warning:"),
    "info": (st.info, ":material/info:"),
}


def state_chip(state: RunState) -> None:
    """The state of a run: a word, a colour and a sign."""
    colour, icon = _CHIPS[state]
    st.badge(state.value, color=colour, icon=icon)


def state_text(state: RunState) -> str:
    """The chip as Markdown, for use inside a line of text."""
    colour, icon = _CHIPS[state]
    return f":{colour}-badge[{icon} {state.value}]"


def spec_labels(spec: RunSpec) -> str:
    """The labels that must stand wherever a run of this spec is shown, as Markdown."""
    return _badges(label_texts(spec))


def label_texts(spec: RunSpec) -> list[str]:
    """The same as plain texts."""
    holds = {SYNTHETIC: spec.is_demo, RANDOM: spec.model.is_random}
    return [label for label, held in holds.items() if held]


def summary_labels(summary: EvaluationSummary) -> list[str]:
    """The labels that must stand on scores and maps of an evaluation."""
    return summary.labels


def show_label_texts(labels: Sequence[str]) -> None:
    """Labels on a line of their own, if there are any."""
    if labels:
        st.markdown(_badges(labels))


def show_labels(spec: RunSpec) -> None:
    """The labels of a spec on a line of their own, if it has any."""
    text = spec_labels(spec)
    if text:
        st.markdown(text)


def _badges(labels: Sequence[str]) -> str:
    return " ".join(f":violet-badge[{_LABEL_ICONS[label]} {label}]" for label in labels)


def findings(
    items: Iterable[Finding],
    *,
    expanded: bool = False,
    info_title: str = "What was done while opening",
) -> None:
    """Findings with their remedies: what stands in the way first, what was merely done last."""
    by_severity: dict[str, list[Finding]] = {"error": [], "warning": [], "info": []}
    for item in items:
        by_severity[item.severity].append(item)
    for severity in ("error", "warning"):
        box, icon = _FINDING_BOXES[severity]
        for item in by_severity[severity]:
            box(finding_text(item), icon=icon)
    if by_severity["info"]:
        title = f"{info_title} ({len(by_severity['info'])})"
        with st.expander(title, icon=":material/info:", expanded=expanded):
            for item in by_severity["info"]:
                st.markdown(f"- {finding_text(item)}")


def finding_text(item: Finding) -> str:
    """A finding as Markdown, its remedy beneath."""
    text = plain(item.message)
    return f"{text}\n\n**What to do:** {plain(item.remedy)}" if item.remedy else text


def is_dark() -> bool:
    """Whether this browser shows the dark theme."""
    return bool(st.context.theme.type == "dark")


def is_phone() -> bool:
    """Whether this browser says that it is a phone's."""
    return "Mobi" in (st.context.headers.get("User-Agent") or "")


def facts(items: Sequence[tuple[str, str]]) -> None:
    """Facts side by side, each a small label over its value; two a row on a phone."""
    with st.container(horizontal=True, gap="small", key=f"facts-{items[0][0]}"):
        for name, value in items:
            st.metric(name, value, width="stretch")


def empty(message: str, hint: str, *, icon: str) -> None:
    """What stands where there is nothing yet: what would be here, and how to get it."""
    with st.container(border=True, horizontal_alignment="center", gap="xsmall"):
        st.markdown(f"### {icon}", text_alignment="center")
        st.markdown(f"**{message}**", text_alignment="center")
        st.caption(hint, text_alignment="center")
