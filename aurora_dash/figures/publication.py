"""Maps for print: PNG, SVG or PDF through Cartopy, with everything a reader needs on the figure.

Built from matplotlib's objects without pyplot, so that nothing is shared between figures; a lock
keeps the parts of matplotlib that are not made for threads (fonts, settings) to one at a time.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.figures.panels import PanelSet
from aurora_dash.figures.printed.ground import Ground, draw_grid, draw_ground
from aurora_dash.figures.printed.page import Page
from aurora_dash.figures.printed.wind import WindStyle, draw_wind
from aurora_dash.figures.raster.pixels import Lens
from aurora_dash.figures.raster.projections import Name, Projection

Format = Literal["png", "svg", "pdf"]

_DRAWING = threading.Lock()
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "svg.hashsalt": "aurora-dash",
    "pdf.fonttype": 42,
}
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How maps are drawn, whatever they show."""

    projection: Name = "plate_carree"
    wind: WindStyle | None = None
    """How the wind is drawn over panels that have one; None: it is not."""


def panels_figure(
    shown: PanelSet, look: Look | None = None, *, file_format: Format = "png", dpi: int = 200
) -> bytes:
    """All maps of a figure as the bytes of an image file. Equal inputs give equal bytes."""
    file = io.BytesIO()
    with _drawn(shown, look or Look()) as figure:
        figure.savefig(
            file, format=file_format, dpi=dpi, facecolor="white", metadata=_UNDATED[file_format]
        )
    return file.getvalue()


def panels_image(shown: PanelSet, look: Look | None = None, *, dpi: int = 110) -> NDArray[np.uint8]:
    """All maps of a figure as red, green and blue (H, W, 3), for a frame of an animation."""
    with _drawn(shown, look or Look()) as figure:
        figure.set_dpi(dpi)
        # matplotlib's canvas is without types.
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        image: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return image


@contextmanager
def _drawn(shown: PanelSet, look: Look) -> Iterator[Figure]:
    """The figure, while nobody else draws one."""
    with _DRAWING, rc_context(_SETTINGS):
        figure = _compose(shown, look)
        FigureCanvasAgg(figure)
        yield figure


def _compose(shown: PanelSet, look: Look) -> Figure:
    ground = Ground(Lens(shown.grid, Projection.centred(look.projection, shown.grid)))
    page = Page.of(shown, ground.height_to_width)
    figure = Figure(figsize=page.inches)
    images: dict[int, ScalarMappable] = {}
    for panel, cell in zip(shown.panels, page.places.cells, strict=True):
        ax = figure.add_axes(page.box(cell), projection=ground.crs, anchor="S")
        images[panel.scale] = draw_ground(ax, panel, shown.scales[panel.scale], ground)
        if look.wind and panel.wind is not None:
            draw_wind(ax, panel.wind, ground, look.wind)
        ax.set_title(panel.title, loc="left", fontsize=9, pad=4)
        draw_grid(ax, ground, latitudes=cell.x[0] == 0)
    page.draw_bars(
        figure, [images[scale] for scale in sorted(images)], pretty_unit(shown.scene.variable.unit)
    )
    page.write(figure, shown)
    return figure
