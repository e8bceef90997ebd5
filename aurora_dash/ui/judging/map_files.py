"""The maps as files: a figure for print, an animation over the leads. Made when asked for."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.drawing import draw
from aurora_dash.evaluation.maps.forecasts import Forecasts
from aurora_dash.ui.judging.map_choice import Choice
from aurora_dash.ui.judging.map_origins import Origin

FIGURES = {"png": "image/png", "pdf": "application/pdf", "svg": "image/svg+xml"}
MOVIES = {"gif": "image/gif", "mp4": "video/mp4"}
Compared = tuple[Origin, str] | None


def downloads(origin: Origin, compared: Compared, choice: Choice, *, num_leads: int) -> None:
    """A button a format."""
    style = "arrows"
    if choice.view.wind:
        style = st.segmented_control(
            "Wind in files as",
            ["arrows", "streamlines"],
            default="arrows",
            required=True,
            key="map-file-wind",
            bind="query-params",
        )
    at = choice.view.at
    name = f"{at.key}-{at.lead_hours}h-{origin.name}"
    st.markdown("**For print**, with coastlines, units, time and attribution:")
    formats = FIGURES | (MOVIES if num_leads > 1 else {})
    with st.container(horizontal=True):
        for file_format, mime in formats.items():
            st.download_button(
                file_format.upper(),
                partial(render, origin, compared, choice, file_format, style),
                file_name=f"{name}.{file_format}",
                mime=mime,
                icon=":material/movie:" if file_format in MOVIES else ":material/download:",
                help="All leads, in one scale of colours." if file_format in MOVIES else None,
                on_click="ignore",
                key=f"print-{file_format}",
            )


def render(
    origin: Origin, compared: Compared, choice: Choice, file_format: str, wind: str = "arrows"
) -> bytes:
    """The bytes of a file."""
    from aurora_dash.evaluation.maps.film import film
    from aurora_dash.figures.publication import Look, panels_figure

    look = Look(projection=choice.projection, wind=wind if choice.view.wind else None)  # type: ignore[arg-type]
    with ExitStack() as stack:
        forecasts = stack.enter_context(origin.open())
        other = matched(stack, forecasts, compared)
        if file_format in FIGURES:
            shown = draw(forecasts, choice.view, other)
            return panels_figure(shown, look, file_format=file_format)  # type: ignore[arg-type]
        path = Path(stack.enter_context(TemporaryDirectory(prefix="aurora-dash-"))) / "film"
        film(forecasts, choice.view, path, file_format=file_format, other=other, look=look)  # type: ignore[arg-type]
        return path.read_bytes()


def matched(stack: ExitStack, forecasts: Forecasts, compared: Compared) -> Other | None:
    """What is subtracted, open as long as the stack; None for nothing."""
    if compared is None:
        return None
    origin, name = compared
    second = stack.enter_context(origin.open())
    return Other.of(forecasts, second, source=origin.source, name=name)
