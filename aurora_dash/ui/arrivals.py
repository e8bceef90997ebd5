"""Runs that appear while a page is open: launched elsewhere, or copied here."""

from __future__ import annotations

import streamlit as st

from aurora_dash.ui.cache import run_store

_SECONDS = 5.0


def watch() -> None:
    """Draw the page anew once the folder of runs holds others than it does now."""
    st.fragment(_look, run_every=_SECONDS)(run_store().ids())


def _look(known: frozenset[str]) -> None:
    if run_store().ids() != known:
        st.rerun()
