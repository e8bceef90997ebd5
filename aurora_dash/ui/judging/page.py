"""The results of one complete evaluation: what was judged, and one view of it at a time."""

from __future__ import annotations

import streamlit as st
import xarray as xr

from aurora_dash.evaluation.maps import opening
from aurora_dash.runs.store import Run
from aurora_dash.ui.judging import (
    about,
    card,
    curves,
    distributions,
    ensembles,
    levels,
    loaded,
    maps,
    report,
    spectra,
    table,
)

_VIEWS = {
    "Scorecard": card.draw,
    "Against lead": curves.draw,
    "Levels": levels.draw,
    "Spectra": spectra.draw,
    "Distribution": distributions.draw,
    "Ensemble": ensembles.draw,
    "Table": table.draw,
}
_MAPS, _ENSEMBLE = "Maps", "Ensemble"


def results(run: Run, evaluation_id: str) -> None:
    """What was judged, and the view that the address names; no other is computed."""
    result, scores = loaded.evaluation(run, evaluation_id)
    about.draw(result)
    report.downloads(result)
    view = st.segmented_control(
        "View",
        _offered(scores),
        default="Scorecard",
        required=True,
        label_visibility="collapsed",
        key="view",
        bind="query-params",
    )
    if view == _MAPS:
        maps.draw(run, result)
    else:
        _VIEWS[view or "Scorecard"](result, scores)


def _offered(scores: xr.Dataset) -> list[str]:
    views = [view for view in _VIEWS if view != _ENSEMBLE or ensembles.RANKS in scores]
    return [*views, _MAPS]


def stored_forecasts(run: Run) -> None:
    """Maps of what rollouts of the run wrote, while nothing has been evaluated."""
    if opening.stored_forecasts(run):
        maps.draw(run, None)
