"""What all pages share: looks, logo, title, steps, messages, and the boundary for errors."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from aurora_dash import __version__
from aurora_dash.ui import boundary, navigation, path, state
from aurora_dash.ui.state import Key

LOGO = navigation.ROOT / "assets" / "logo.svg"
_WORDMARK = navigation.ROOT / "assets" / "wordmark.svg"
ABOUT = f"**Aurora Dash** {__version__}: fine-tune the Aurora weather model in the browser."
_STYLE = Path(__file__).with_name("style.css")


def draw(page: Page) -> None:
    """Draw one page inside the frame."""
    st.session_state[Key.FRAMED] = True
    state.synchronise()
    state.begin_drawing()
    st.logo(str(_WORDMARK), size="large", link=None)
    st.html(_STYLE)
    with boundary.errors_shown():
        page.run()


def heading(key: str) -> None:
    """Steps, title and purpose of a page, and the messages that wait for it."""
    _insist_on_frame()
    step = navigation.step(key)
    navigation.steps_bar(key, path.done_steps(key))
    st.title(step.title, anchor=False)
    st.caption(step.purpose)
    messages()


def welcome() -> None:
    """Head of the first page, which is no step of the path."""
    _insist_on_frame()
    navigation.steps_bar(navigation.START.key, frozenset())
    messages()


def _insist_on_frame() -> None:
    """Start again through ``app.py`` if Streamlit ran a page alone.

    Until a process has called `st.navigation` once, Streamlit takes the folder ``pages`` for its
    older kind of app: a link to a page would be the page without the frame after a restart.
    """
    if Key.FRAMED not in st.session_state:
        st.session_state[Key.FRAMED] = True
        st.navigation(navigation.pages(), position="hidden")
        st.rerun()


def messages() -> None:
    """Messages that something on the previous drawing left behind, in a place of their own."""
    show = {"success": st.success, "info": st.info, "warning": st.warning, "error": st.error}
    with st.container():
        for kind, message in state.take_flashes():
            show[kind](message)
