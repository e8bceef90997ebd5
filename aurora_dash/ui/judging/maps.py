"""Maps of forecasts beside what came true: linked, in any projection, over any lead."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import streamlit as st

from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.drawing import View
from aurora_dash.evaluation.maps.drawing import draw as draw_panels
from aurora_dash.evaluation.maps.forecasts import Forecasts
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.panels import PanelSet, SharedScales
from aurora_dash.figures.raster.boxes import Box
from aurora_dash.figures.raster.drawing import Drawing
from aurora_dash.figures.raster.projections import Name
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, state, widgets, words
from aurora_dash.ui.judging import ask_scores, map_choice, map_files, map_origins, map_series
from aurora_dash.ui.judging.map_choice import Choice
from aurora_dash.ui.map_canvas import map_canvas, map_frame

_ASKED = "map-box-asked"
_MOST_FRAMES = 80


def draw(run: Run, result: EvaluationResult | None) -> None:
    """Selectors, maps, series and files of an evaluation's fields or of stored forecasts."""
    _draw(run, None if result is None else result.folder.name)


@st.fragment
def _draw(run: Run, evaluation: str | None) -> None:
    if st.session_state.pop(_ASKED, False):
        st.rerun()
    with boundary.errors_shown(), ExitStack() as stack:
        first, second, third = st.columns([3, 2, 3])
        with first:
            origin = map_origins.choose(run, evaluation)
        if origin is None:
            _nothing()
            return
        forecasts = stack.enter_context(origin.open())
        with second:
            source = map_choice.choose_source(forecasts)
        with third:
            compared = map_origins.choose_other(origin, source, forecasts.sources)
        other = map_files.matched(stack, forecasts, compared)
        choice = map_choice.choose(forecasts, source, is_compared=other is not None)
        identity = " ".join([origin.identity, *([compared[0].identity] if compared else [])])
        _show(forecasts, other, choice, identity)
        map_files.downloads(origin, compared, choice, num_leads=len(forecasts.lead_hours))


def _nothing() -> None:
    widgets.empty(
        "No fields to draw",
        "Start an evaluation that keeps samples for maps, or choose what a rollout wrote.",
        icon=":material/map:",
    )


def _show(forecasts: Forecasts, other: Other | None, choice: Choice, identity: str) -> None:
    shown = draw_panels(forecasts, choice.view, other, keep_empty=choice.play)
    frames: tuple[Drawing, ...] = ()
    if choice.play:
        shared, frames = _frames(forecasts, choice.view, other, choice.projection, identity)
        shown = shared.of(shown)
    did = map_canvas(
        shown, key="maps", projection=choice.projection, swipe=choice.swipe, frames=frames
    )
    _in_numbers(forecasts, choice.view, shown)
    if did.box is not None:
        _offer(did.box)
    map_series.draw(forecasts, choice.view, other, did.point, identity)


@st.cache_resource(max_entries=4, show_spinner="Preparing the animation")
def _frames(
    _forecasts: Forecasts, view: View, _other: Other | None, projection: Name, identity: str
) -> tuple[SharedScales, tuple[Drawing, ...]]:
    """A frame a lead, thinned, in one scale of colours; of very many leads every n-th."""
    leads = _forecasts.lead_hours[:: -(-len(_forecasts.lead_hours) // _MOST_FRAMES)]
    shared = SharedScales()
    for hours in leads:
        shared.add(_frame(_forecasts, view, _other, hours))
    frames = (shared.of(_frame(_forecasts, view, _other, hours)) for hours in leads)
    return shared, tuple(map_frame(frame, projection=projection) for frame in frames)


def _frame(forecasts: Forecasts, view: View, other: Other | None, hours: int) -> PanelSet:
    return draw_panels(forecasts, view.at_lead(hours), other, keep_empty=True)


def _in_numbers(forecasts: Forecasts, view: View, shown: PanelSet) -> None:
    """Of the first difference that is shown."""
    panel = next((panel for panel in shown.panels if panel.is_difference), None)
    if panel is None or not np.isfinite(panel.values).any():
        return
    numbers = {
        "Mean absolute difference": np.nanmean(np.abs(panel.values)),
        "Largest difference": np.nanmax(np.abs(panel.values)),
        "Mean difference": np.nanmean(panel.values),
    }
    unit = pretty_unit(forecasts.variables[view.at.key].unit)
    widgets.facts([(n, f"{words.number(float(value))} {unit}") for n, value in numbers.items()])
    st.caption(
        f"Of the map {panel.title}, {view.at.lead_hours} h ahead, every grid point alike; the "
        "scores above are weighted by area."
    )


def _offer(box: Box) -> None:
    """The box that was drawn, as a region of the next evaluation."""
    text = f"{box.north:g}, {box.west:g}, {box.south:g}, {box.east:g}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Box: {box.south:g}° to {box.north:g}° north, {box.west:g}° to {box.east:g}° east"
        )
        st.button(
            "Evaluate this box",
            icon=":material/crop_free:",
            help="Puts it into the form of the next evaluation as a further region.",
            key="map-box",
            on_click=_ask_for,
            args=(text,),
        )


def _ask_for(box: str) -> None:
    ask_scores.put_box(box)
    state.flash("The box is in the form New evaluation, under Scores and comparisons.", kind="info")
    # A button within a fragment runs the fragment alone, and the form lies outside.
    st.session_state[_ASKED] = True
