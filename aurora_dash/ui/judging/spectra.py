"""Power spectra: what a forecast has blurred."""

from __future__ import annotations

import numpy as np
import streamlit as st
import xarray as xr

from aurora_dash.evaluation.outcome import spectrum
from aurora_dash.evaluation.results import EvaluationResult
from aurora_dash.evaluation.scorecard import scored_fields
from aurora_dash.figures.scorecard import lead_name
from aurora_dash.figures.spectra import spectrum_figure
from aurora_dash.ui import widgets
from aurora_dash.ui.judging import choices
from aurora_dash.ui.live_chart import live_chart

_HEIGHT = 560
_KINDS = {
    "zonal": "Fourier along each row, rows weighted by area",
    "cosine": "the two-dimensional cosine transform of the region (Denis et al. 2002)",
}


def draw(result: EvaluationResult, table: xr.Dataset) -> None:
    """One field at one lead time."""
    del result
    if "power" not in table:
        widgets.empty(
            "No spectra were taken",
            "They come with the score 'Power at the shorter half of scales': choose it under "
            "Scores and comparisons of a new evaluation.",
            icon=":material/waves:",
        )
        return
    with choices.bar():
        row = choices.field(table)
        lead = choices.lead(table)
    of = scored_fields(table)[row]
    power = spectrum(table, of.variable, of.level, lead)
    by_source = {
        str(name): power.sel(power_source=name).values for name in power["power_source"].values
    }
    if not any(np.isfinite(values).any() for values in by_source.values()):
        widgets.empty(
            f"No spectrum of {choices.row_name(of)}",
            "A field with missing values has none.",
            icon=":material/waves:",
        )
        return
    figure = spectrum_figure(
        table["wavelength"].values,
        by_source,
        title=f"Power of {choices.row_name(of)} at {lead_name(lead)}",
        unit=of.unit,
    )
    live_chart(figure, key="spectrum", height=_HEIGHT)
    st.caption(
        f"Mean over all forecasts by {_KINDS[table['power'].attrs['kind']]}, of the whole grid. "
        "Below one at short waves a forecast is too smooth."
    )
