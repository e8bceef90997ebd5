"""The Monitor page's validation sample: prediction, target and error on maps as training goes.

A fragment of its own, which sends nothing while there is nothing new; closed it does not run.
"""

from __future__ import annotations

import streamlit as st

from aurora_dash.figures.labels import pretty_unit, utc
from aurora_dash.runs.store import Run
from aurora_dash.runs.watched import Kept, WatchedField, WatchedFolder
from aurora_dash.ui import boundary, runs_view, sample_view, words
from aurora_dash.ui.map_canvas import map_canvas

_LOOKS_BETWEEN = 3
"""The page looks so often before the maps are looked at once: there is less that is new."""
_OPEN = "sample-open"


def follow(run: Run, seconds: float) -> None:
    """The panel, unless there is nothing to come; kept up to date while it is open.

    `seconds` lie between two looks of the page.
    """
    live = run.status().is_live
    if live or WatchedFolder(run.folder).steps():
        is_open = st.session_state.get(_OPEN, True)
        every = _LOOKS_BETWEEN * seconds if live and is_open else None
        st.fragment(_panel, run_every=every)(run, was_open=is_open)


def _panel(run: Run, *, was_open: bool) -> None:
    with boundary.errors_shown():
        st.subheader("Validation sample", anchor=False)
        is_open = st.toggle(
            "Show maps",
            value=True,
            help="Prediction, target and error of one validation sample, new at every validation. "
            "Switched off nothing of it is read.",
            key=_OPEN,
        )
        if is_open is not was_open:
            st.rerun()
        if not is_open:
            return
        steps = WatchedFolder(run.folder).steps()
        target = sample_view.target(run)
        if target is None or not steps:
            st.caption("The maps begin with the first validation.")
            return
        _content(run, target, steps)


def _content(run: Run, target: Kept, steps: tuple[int, ...]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        field = _field(target.sample.fields)
        step = _step(steps)
        own = st.toggle(
            "Stretch colours",
            key="sample-own-colours",
            help="Colours that span this step alone. Off, all steps have those of the first that "
            "is kept, so that errors fade as they shrink.",
        )
        plays = len(steps) > 1 and st.toggle(
            "Play", key="sample-play", help="All steps that are kept, one after the other."
        )
    labels = runs_view.label_texts(run)
    frames = sample_view.frames(run, field, steps, labels, own_colours=own) if plays else []
    shown = sample_view.panels(run, field, step, labels, own_colours=own)
    _numbers(run, field, step)
    map_canvas(shown, key=f"sample-{run.id}", frames=frames)
    sample = target.sample
    part = f" of {boundary.plain(sample.part)}" if sample.part else ""
    st.caption(
        f"Validation sample {sample.sample}{part}: from {utc(sample.start)} to "
        f"{utc(sample.valid)}. The error in numbers counts every grid point, by its area."
    )


def _field(fields: tuple[WatchedField, ...]) -> WatchedField:
    names = list(dict.fromkeys(field.name for field in fields))
    titles = {f.name: f"{f.name} · {sample_view.variable(f).long_name}" for f in fields}
    name = st.selectbox(
        "Variable", names, format_func=titles.__getitem__, key="sample-variable", width=260
    )
    own = [field for field in fields if field.name == name]
    if len(own) == 1:
        return own[0]
    levels = {field.level: field for field in own}
    level = st.selectbox(
        "Level",
        list(levels),
        format_func=lambda value: f"{value:g} hPa",
        key=f"sample-level-{name}",
        width=130,
    )
    return levels[level]


def _step(steps: tuple[int, ...]) -> int:
    """The newest, or the one that is chosen by hand."""
    newest = st.toggle(
        "Newest",
        value=True,
        key="sample-newest",
        help="Follow the training. Off, any step that is kept can be looked at.",
    )
    # No slider that moves by itself: what the browser says of it lags behind.
    if newest or len(steps) == 1:
        return steps[-1]
    chosen = st.select_slider(
        "Step", steps, value=steps[-1], key="sample-step", format_func=lambda step: f"{step:,}"
    )
    return int(chosen)


def _numbers(run: Run, field: WatchedField, step: int) -> None:
    errors = sample_view.errors(run, field)
    value, change = errors.at(step), errors.change(step)
    if value is None:
        return
    unit = pretty_unit(field.unit)
    first = errors.steps[0]
    st.metric(
        f"Root mean square error at step {step:,}",
        f"{words.number(value)} {unit}",
        delta=None if change is None or step == first else f"{change:+.1%} since step {first:,}",
        delta_color="inverse",
        chart_data=list(errors.values),
        width=420,
    )
