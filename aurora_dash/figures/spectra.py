"""Power spectra of forecasts and targets, and how much of each scale a forecast has kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.sources import TARGET, source_name, source_styles
from aurora_dash.figures.theme import GREY, template

Values = NDArray[np.float64]

_FEW = 24
# Less than this of the largest power is what rounding has left.
_ROUNDING = 1e-12


def spectrum_figure(
    wavelengths: Values, power: Mapping[str, Values], *, title: str, unit: str
) -> go.Figure:
    """Power by wavelength (degrees), long waves on the left, with its ratio to the target's below.

    `power` is by source, with ``target`` among them. All axes are logarithmic; power that is not
    there, as a wavenumber of a field that has none, is left out.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[2, 1]
    )
    largest = max(np.nanmax(values, initial=0.0) for values in power.values())
    there = {s: np.where(v > _ROUNDING * largest, v, np.nan) for s, v in power.items()}
    for source, (colour, dash) in source_styles(list(power)).items():
        if not np.isfinite(there[source]).any():
            continue
        parts = [there[source]]
        if source != TARGET:
            parts.append(there[source] / there[TARGET])
        for row, values in enumerate(parts, start=1):
            figure.add_trace(
                go.Scatter(
                    name=source_name(source),
                    x=wavelengths,
                    y=values,
                    mode="lines+markers" if np.isfinite(values).sum() < _FEW else "lines",
                    line={"color": colour, "dash": dash, "width": 4 if source == TARGET else 1.8},
                    showlegend=row == 1,
                    hovertemplate="%{y:.3~g}",
                ),
                row=row,
                col=1,
            )
    figure.add_hline(y=1, line={"color": GREY, "width": 1}, row=2, col=1)
    figure.update_layout(
        template=template(), title_text=title, showlegend=True, margin={"t": 76, "b": 44}
    )
    ticks = _ticks(wavelengths)
    figure.update_xaxes(
        type="log", autorange="reversed", tickvals=ticks, ticktext=[f"{t:g}°" for t in ticks]
    )
    figure.update_xaxes(title_text="Wavelength", row=2)
    square = pretty_unit(unit)
    figure.update_yaxes(type="log", title_text=f"Power [({square})²]", tickformat="~g", row=1)
    figure.update_yaxes(type="log", title_text="To the target's", tickformat="~g", row=2)
    figure.update_yaxes(nticks=6)
    return figure


def _ticks(wavelengths: Values) -> list[float]:
    """Round wavelengths within the range."""
    steps = [m * 10.0**power for power in range(-3, 3) for m in (1, 2, 5)] + [360.0]
    low, high = float(np.min(wavelengths)), float(np.max(wavelengths))
    return [step for step in steps if low <= step <= high]
