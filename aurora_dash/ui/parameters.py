"""How many weights the draft's model has and trains, counted in the background.

Counting takes a second and PyTorch: a thread counts, and pages look whether it is done.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, lifecycle, words
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.lifecycle import WarmUpState

if TYPE_CHECKING:
    from aurora_dash.model.count import ParameterCount

_KEPT = 64
_SECONDS_BETWEEN_LOOKS = 0.5


class Counter:
    """Counts specs one after the other on one thread, and remembers the newest."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="count")
        self._counts: OrderedDict[tuple[str, float], Future[ParameterCount]] = OrderedDict()

    def count(self, spec: RunSpec, store: RunStore) -> Future[ParameterCount]:
        """The count of a spec's model, under way or done."""
        key = _key(spec)
        if key not in self._counts:
            self._counts[key] = self._thread.submit(_count, spec, store)
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)[1].cancel()
        return self._counts[key]


@cache
def counter() -> Counter:
    """The process's one counter."""
    return Counter()


def _count(spec: RunSpec, store: RunStore) -> ParameterCount:
    # Imports PyTorch, which pages never do.
    from aurora_dash.model.count import count_parameters

    return count_parameters(spec, store)


def _key(spec: RunSpec) -> tuple[str, float]:
    """Only what decides the count, and when a local file was written."""
    decisive = spec.model_dump_json(include={"model", "variables", "trainable"})
    path = Path(spec.model.path or "")
    written = path.stat().st_mtime if spec.model.source == "file" and path.exists() else 0.0
    return decisive, written


def _is_possible() -> bool:
    """Whether PyTorch is here or on its way; a page must not be the reason to load it."""
    state = lifecycle.warm_up().state
    return state in (WarmUpState.LOADING, WarmUpState.READY) or "aurora" in sys.modules


def show(spec: RunSpec) -> None:
    """How many parameters are trained, as soon as that is counted."""
    if not _is_possible():
        st.caption("Parameters are counted here once PyTorch is loaded.")
        return
    future = counter().count(spec, run_store())
    waits = not future.done()
    every = _SECONDS_BETWEEN_LOOKS if waits else None
    st.fragment(_show, run_every=every)(future, waited=waits)


def _show(future: Future[ParameterCount], *, waited: bool) -> None:
    if not future.done():
        st.caption(":material/hourglass_top: Counting the parameters")
        return
    if waited:
        st.rerun()
    with boundary.errors_shown():
        try:
            count = future.result()
        except AuroraDashError as error:
            st.caption(f"Parameters can't be counted: {boundary.plain(error.message)}")
            return
        text = words.trained(count.trainable, count.total)
        st.markdown(f":material/tune: **{text[0].upper()}{text[1:]}**")
