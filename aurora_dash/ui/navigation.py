"""The guided path: which steps there are, which are done, and the way from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from aurora_dash.ui import state

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One page of the path."""

    key: str
    title: str
    purpose: str
    """What one does here, in a sentence under the page's title."""

    @property
    def file(self) -> str:
        """The page's script, as `st.page_link` and `st.switch_page` know it."""
        return f"pages/{self.key}.py"


START = Step(
    key="start",
    title="Start",
    purpose="What this machine offers, what ran here, and the way in.",
)
STEPS: tuple[Step, ...] = (
    Step(
        key="model",
        title="Model",
        purpose="Choose which Aurora to fine-tune and where its weights come from.",
    ),
    Step(
        key="data",
        title="Data",
        purpose="Choose the weather to learn from; what was recognised is named below.",
    ),
    Step(
        key="variables",
        title="Variables",
        purpose="Register variables that the model does not know yet. Optional.",
    ),
    Step(
        key="train",
        title="Train",
        purpose="Set what to learn, for how long and how fast; then launch.",
    ),
    Step(
        key="monitor",
        title="Monitor",
        purpose="Watch a run live, and steer it.",
    ),
    Step(
        key="evaluate",
        title="Evaluate & maps",
        purpose="Score a checkpoint on data and look at prediction, target and error.",
    ),
)
DOCTOR = Step(
    key="doctor",
    title="Doctor",
    purpose="What this machine offers, what stands in the way of runs, and what to do about it.",
)
"""Beside the path: reached from Start and from failures."""
COMPARE = Step(
    key="compare",
    title="Compare",
    purpose="Runs beside each other: curves, results, and what differs in their specs.",
)
"""Beside the path: reached from Start and from the Monitor."""
_ALL = (START, *STEPS, COMPARE, DOCTOR)
_BY_KEY = {step.key: step for step in _ALL}


class Progress(StrEnum):
    """How far a step of the path is."""

    DONE = "done"
    HERE = "here"
    OPEN = "open"


_PROGRESS_ICONS = {
    Progress.DONE: ":material/check_circle:",
    Progress.HERE: ":material/radio_button_checked:",
    Progress.OPEN: ":material/radio_button_unchecked:",
}


def pages() -> list[Page]:
    """The pages for `st.navigation`; `steps_bar` is what people navigate by."""
    return [st.Page(ROOT / step.file, title=step.title, default=step is START) for step in _ALL]


def step(key: str) -> Step:
    """The step of that key."""
    return _BY_KEY[key]


def progress(here: str, done: frozenset[str]) -> dict[str, Progress]:
    """Progress of every step, seen from the page `here`."""
    return {
        s.key: Progress.HERE
        if s.key == here
        else (Progress.DONE if s.key in done else Progress.OPEN)
        for s in STEPS
    }


def go_to(key: str, **selection: str) -> None:
    """Leave for another page, taking the selection along."""
    st.switch_page(step(key).file, query_params=state.url_parameters(**selection))


def link(key: str, label: str, *, icon: str | None = None, **selection: str) -> None:
    """A link to another page that takes the selection along."""
    st.page_link(
        step(key).file,
        label=label,
        icon=icon,
        query_params=state.url_parameters(**selection),
    )


def steps_bar(here: str, done: frozenset[str]) -> None:
    """The path at the top of a page: where one is, what is done, what comes."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="steps"):
        kind = Progress.HERE if here == START.key else Progress.OPEN
        with st.container(key=f"step-{kind}-start", width="content"):
            link(START.key, START.title, icon=":material/home:")
        for key, state_of_step in progress(here, done).items():
            with st.container(key=f"step-{state_of_step}-{key}", width="content"):
                link(key, step(key).title, icon=_PROGRESS_ICONS[state_of_step])


def way_on(here: str, *, ready: bool = True) -> bool:
    """The buttons at the foot of a page: back, and on. True if on was pressed.

    With `ready` False one may still go on, but the step does not count as done.
    """
    position = [s.key for s in STEPS].index(here)
    label = f"Next: {STEPS[position + 1].title}"
    with st.container(horizontal=True, horizontal_alignment="distribute", key="way-on"):
        previous = STEPS[position - 1] if position else START
        if st.button(previous.title, icon=":material/arrow_back:", key=f"back-{here}"):
            go_to(previous.key)
        return st.button(
            label,
            icon=":material/arrow_forward:",
            icon_position="right",
            type="primary" if ready else "secondary",
            key=f"next-{here}",
        )
