"""What the browser holds: a selection of ids, in the session and in the URL, and nothing else.

The truth about a run or a draft lies on disk. The URL carries the ids (``?run=``, ``?draft=``), so
that a refresh, a second tab and a colleague see the same thing; the session carries them across
a change of page, which clears the URL.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import streamlit as st

FIELD_PREFIX = "field:"
"""Start of the session keys of form widgets that mirror a field of the draft."""


class Selection(StrEnum):
    """Names under which a selection stands in the URL."""

    RUN = "run"
    DRAFT = "draft"
    EVALUATION = "evaluation"


HIDDEN = "hide"
"""Name in the URL of the curves that a person hid, each as ``chart.curve``."""


class Key(StrEnum):
    """Names in the session that are not a widget's."""

    FRAMED = "framed"
    FLASH = "flash"
    FIELD_ERRORS = "field-errors"
    COMPARED = "compared"
    CHARTS = "charts"
    STRETCHES = "stretches"
    MAPS = "maps"
    PAGE = "page"


def synchronise() -> None:
    """Adopt what the URL says; put back into the URL what a change of page removed from it."""
    for name in Selection:
        if name in st.query_params:
            _adopt(name, st.query_params[name])
        elif st.session_state.get(name):
            st.query_params[name] = st.session_state[name]


def selected(name: Selection) -> str | None:
    """The selected id, or None."""
    return st.session_state.get(name) or st.query_params.get(name)


def select(name: Selection, value: str | None) -> None:
    """Select an id, here and in the URL; None forgets it."""
    _adopt(name, value)
    if value:
        st.query_params[name] = value
    elif name in st.query_params:
        del st.query_params[name]


def _adopt(name: Selection, value: str | None) -> None:
    before = st.session_state.get(name)
    st.session_state[name] = value
    if before in (None, value):
        return
    if name is Selection.RUN:
        st.session_state[Selection.EVALUATION] = None
    if name is Selection.DRAFT:
        forget_fields()


def compared() -> tuple[str, ...]:
    """Ids of the runs that were compared last in this session."""
    ids: tuple[str, ...] = st.session_state.get(Key.COMPARED, ())
    return ids


def compare(ids: Iterable[str]) -> None:
    """Keep which runs are compared, for when the page is opened again."""
    st.session_state[Key.COMPARED] = tuple(ids)


def page_id() -> str:
    """Tells this open page from all others, as long as it is open."""
    name: str = st.session_state.setdefault(Key.PAGE, secrets.token_hex(8))
    return name


def begin_drawing() -> None:
    """A page is drawn as a whole, not only a part of it: its charts may be new elements."""
    st.session_state[Key.CHARTS] = {}


def charts_held() -> dict[str, Any]:
    """What the charts of this page hold in the browser, by their key."""
    held: dict[str, Any] = st.session_state.setdefault(Key.CHARTS, {})
    return held


def stretches() -> dict[str, tuple[float, float] | None]:
    """The stretch of the x axis that linked charts are zoomed to, by their link."""
    zoomed: dict[str, tuple[float, float] | None]
    zoomed = st.session_state.setdefault(Key.STRETCHES, {})
    return zoomed


def maps_held() -> dict[str, Any]:
    """What the maps of all pages hold in the browser and what a person did on them, by key."""
    held: dict[str, Any] = st.session_state.setdefault(Key.MAPS, {})
    return held


def hidden_curves(chart: str) -> list[str]:
    """The curves of a chart that the URL says are hidden."""
    prefix = f"{chart}."
    hidden = st.query_params.get_all(HIDDEN)
    return [name.removeprefix(prefix) for name in hidden if name.startswith(prefix)]


def hide_curves(chart: str, names: Iterable[str]) -> None:
    """Say in the URL which curves of a chart are hidden."""
    of_others = [n for n in st.query_params.get_all(HIDDEN) if not n.startswith(f"{chart}.")]
    hidden = [*of_others, *(f"{chart}.{name}" for name in names)]
    if hidden:
        st.query_params[HIDDEN] = hidden
    elif HIDDEN in st.query_params:
        del st.query_params[HIDDEN]


def url_parameters(**changes: str) -> dict[str, str]:
    """The whole selection, with some of it changed, for a link to another page."""
    chosen = {name.value: selected(name) for name in Selection} | changes
    return {name: value for name, value in chosen.items() if value}


def flash(message: str, *, kind: str = "success") -> None:
    """Keep a message for the next drawing of a page; `kind` is success, info, warning or error."""
    messages = st.session_state.get(Key.FLASH, ())
    st.session_state[Key.FLASH] = (*messages, (kind, message))


def take_flashes() -> tuple[tuple[str, str], ...]:
    """The kept messages, once."""
    messages: tuple[tuple[str, str], ...] = st.session_state.pop(Key.FLASH, ())
    return messages


def field_errors() -> dict[str, str]:
    """What is wrong with typed values that the draft has not taken over, by field."""
    errors: dict[str, str] = st.session_state.setdefault(Key.FIELD_ERRORS, {})
    return errors


def forget_fields() -> None:
    """Drop the form widgets' values, so that they show the draft again."""
    st.session_state.pop(Key.FIELD_ERRORS, None)
    for key in [k for k in st.session_state if str(k).startswith(FIELD_PREFIX)]:
        del st.session_state[key]
