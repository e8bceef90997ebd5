"""A forecast as an animation over its leads, in one scale of colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.drawing import View, draw
from aurora_dash.evaluation.maps.forecasts import Forecasts
from aurora_dash.figures.movie import MovieFormat, write_movie
from aurora_dash.figures.panels import PanelSet, SharedScales
from aurora_dash.figures.publication import Look, panels_image


def film(
    forecasts: Forecasts,
    view: View,
    path: Path,
    *,
    file_format: MovieFormat,
    other: Other | None = None,
    lead_hours: Sequence[int] = (),
    look: Look | None = None,
    frames_per_second: int = 4,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write a frame a lead (all that there are) and return their number.

    The fields are read twice, first for the span of the colours, so that only one frame is in
    memory however many there are.
    """
    leads = tuple(lead_hours) or forecasts.lead_hours
    shared = SharedScales()

    def frames() -> Iterator[PanelSet]:
        for hours in leads:
            yield draw(forecasts, view.at_lead(hours), other, keep_empty=True)

    for frame in frames():
        shared.add(frame)

    def images() -> Iterator[NDArray[np.uint8]]:
        for number, frame in enumerate(frames(), start=1):
            yield panels_image(shared.of(frame), look)
            progress(number, len(leads))

    first = shared.of(next(frames()))
    return write_movie(
        path,
        images(),
        first.scales,
        file_format=file_format,
        frames_per_second=frames_per_second,
    )
