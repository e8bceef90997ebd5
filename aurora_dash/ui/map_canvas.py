"""Linked maps on canvases that stay what they are through Streamlit's reruns.

The browser gets codes of two bytes, colour tables and coastlines as bytes (`figures/raster`), and
draws, zooms, reads and plays by itself. After a pause in a zoom it tells which part it shows; only
the fragment of the maps runs again then, and sends that part in the grid's own resolution. Nothing
but this server is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import streamlit as st

from aurora_dash.figures.panels import PanelSet
from aurora_dash.figures.raster.boxes import Box, box_of, rim_of
from aurora_dash.figures.raster.drawing import FRAME_CELLS, DetailedDrawing, Drawing, Sheet
from aurora_dash.figures.raster.projections import Extent, Name, Projection
from aurora_dash.figures.raster.wire import Held
from aurora_dash.ui import state

_SOURCES = Path(__file__).with_name("map_js")
_MODULES = ("wire", "view", "layers", "wind", "panel", "bars", "controls", "pointers", "maps")

_maps = st.components.v2.component(
    "aurora_dash.map_canvas",
    js="\n".join((_SOURCES / f"{name}.js").read_text(encoding="utf-8") for name in _MODULES),
    css=(_SOURCES / "maps.css").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True)
class CanvasView:
    """What a person did on the maps, which run the page again."""

    point: tuple[float, float] | None = None
    """Latitude, and longitude in [-180, 180), of the centre of the cell that was clicked."""
    box: Box | None = None
    """The region that was drawn."""
    frame: int | None = None
    """Index of the animation's frame at which it was just paused."""


@dataclass
class _Memory:
    """Of one canvas in one session."""

    held: Held = field(default_factory=Held)
    view: CanvasView = CanvasView()
    place: str = ""
    seen: Extent | None = None
    """The part of the map that is zoomed to, if the whole isn't detailed enough for it."""
    columns: int = 0
    told: bool = False
    """Whether a person did something that the rest of the page hasn't been told of."""
    drawing: DetailedDrawing | None = None

    def drawn(self, shown: PanelSet, projection: Projection) -> DetailedDrawing:
        """The maps; of the very panels that were drawn last, what was made of them then."""
        last = self.drawing
        if last is None or last.shown is not shown or last.lens.projection != projection:
            self.drawing = last = DetailedDrawing(shown, projection)
        return last


def map_canvas(
    shown: PanelSet,
    *,
    key: str,
    projection: Name | Projection = "plate_carree",
    swipe: bool = False,
    height: int | None = None,
    frames: Sequence[Drawing] = (),
) -> CanvasView:
    """Draw the panels side by side, or bring the maps of that `key` up to date with them.

    Zoom and pan are linked and kept through reruns and changes of the fields, as long as grid and
    projection stay; the pointer reads all panels at once. A projection's name centres it on the
    grid. The wind of panels that have one is drawn as arrows or streamlines over them. `swipe`
    shows the first two panels in one map with a divider to drag. `height` is the most pixels of a
    panel. `frames` (see `map_frame`) are played over what is shown, each in its own colour scales.

    A click, a drawn box or a pause of the animation runs the page again; what this returns then
    carries it. Escape takes point and box away.
    """
    if isinstance(projection, str):
        projection = Projection.centred(projection, shown.grid)
    memory: _Memory = state.maps_held().setdefault(key, _Memory())
    memory.told = False
    drawing = memory.drawn(shown, projection)
    if memory.place != drawing.place:
        memory.place, memory.seen = drawing.place, None
    options = {"key": key, "swipe": swipe and len(shown.panels) > 1, "height": height}
    _canvas(drawing, frames, options, memory)
    view = memory.view
    # Told once: afterwards a person may have gone on to another lead.
    memory.view = replace(view, frame=None)
    return view


def map_frame(shown: PanelSet, *, projection: Name | Projection = "plate_carree") -> Drawing:
    """One frame of an animation, thinned to what plays smoothly; small enough to be cached."""
    if isinstance(projection, str):
        projection = Projection.centred(projection, shown.grid)
    return Drawing(shown, projection, most_cells=FRAME_CELLS)


@st.fragment
def _canvas(
    drawing: DetailedDrawing, frames: Sequence[Drawing], options: dict[str, Any], memory: _Memory
) -> None:
    if memory.told:
        memory.told = False
        st.rerun()
    sheet = Sheet()
    sheet.blocks += drawing.blocks
    head = drawing.head | options | {"part": None}
    if memory.seen is not None:
        head["part"] = drawing.part(sheet, memory.seen, memory.columns)
    for frame in frames:
        sheet.blocks += frame.blocks
    head["frames"] = [_frame(frame) for frame in frames]
    head["marks"] = _marks(sheet, drawing.lens.projection, memory.view)
    key = options["key"]
    _maps(
        key=key,
        data=memory.held.bring(head, sheet.blocks),
        on_lost_change=memory.held.forget,
        on_seen_change=partial(_on_seen, key, memory),
        on_point_change=partial(_on_point, key, memory),
        on_box_change=partial(_on_box, key, memory, drawing.lens.projection),
        on_frame_change=partial(_on_frame, key, memory),
    )


def _frame(frame: Drawing) -> dict[str, Any]:
    """What of a frame differs from the maps over which it is played."""
    return {name: frame.head[name] for name in ("subtitle", "panels", "scales", "whole")}


def _marks(sheet: Sheet, projection: Projection, view: CanvasView) -> dict[str, Any]:
    """Where point and box lie on the map, for the browser to draw."""
    marks: dict[str, Any] = {"point": None, "box": None}
    if view.point is not None:
        latitude, longitude = view.point
        place = [float(each) for each in projection.forward(longitude, latitude)]
        marks["point"] = place if all(map(isfinite, place)) else None
    if view.box is not None:
        marks["box"] = sheet.put(rim_of(projection, view.box))
    return marks


def _on_seen(key: str, memory: _Memory) -> None:
    """The part of the map in view, and the pixels across it; None when the whole suffices."""
    seen = st.session_state[key].get("seen")
    if seen is None or seen["place"] != memory.place:
        memory.seen = None
        return
    memory.seen = Extent(*(float(edge) for edge in seen["extent"]))
    memory.columns = int(seen["columns"])


def _on_point(key: str, memory: _Memory) -> None:
    point = st.session_state[key].get("point")
    place = (float(point[0]), float(point[1])) if point else None
    _tell(memory, replace(memory.view, point=place))


def _on_box(key: str, memory: _Memory, projection: Projection) -> None:
    drawn = st.session_state[key].get("box")
    box = box_of(projection, Extent(*(float(edge) for edge in drawn))) if drawn else None
    _tell(memory, replace(memory.view, box=box))


def _on_frame(key: str, memory: _Memory) -> None:
    frame = st.session_state[key].get("frame")
    _tell(memory, replace(memory.view, frame=None if frame is None else int(frame)))


def _tell(memory: _Memory, view: CanvasView) -> None:
    memory.told = memory.told or view != memory.view
    memory.view = view
