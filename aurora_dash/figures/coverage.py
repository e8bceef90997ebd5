"""A calendar of which times a data set has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.theme import BLUE, ORANGE, VERMILION, template

_ROW = 22
_FRAME = 110
_MAX_HEIGHT = 900


def coverage_figure(
    present: NDArray[np.int64],
    expected: NDArray[np.int64],
    rows: Sequence[str],
    columns: Sequence[str],
) -> go.Figure:
    """Cells (rows, columns): blue where all expected times are there, orange some, red none.

    A cell without expected times is left empty. `figure.layout.height` is the height that suits it.
    """
    states = np.where(present >= expected, 2, np.where(present > 0, 1, 0)).astype(np.float32)
    states[expected == 0] = np.nan
    text = np.char.add(np.char.add(present.astype(str), " of "), expected.astype(str))
    heat = go.Heatmap(
        z=states,
        x=list(columns),
        y=list(rows),
        customdata=text,
        zmin=0,
        zmax=2,
        colorscale=[
            *([0, VERMILION], [1 / 3, VERMILION]),
            *([1 / 3, ORANGE], [2 / 3, ORANGE]),
            *([2 / 3, BLUE], [1, BLUE]),
        ],
        xgap=1,
        ygap=1,
        colorbar={
            "tickvals": [1 / 3, 1, 5 / 3],
            "ticktext": ["none", "some", "all"],
            "thickness": 10,
            "outlinewidth": 0,
        },
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{customdata} times<extra></extra>",
    )
    by_day = len(columns) > 12
    return go.Figure(
        data=[heat],
        layout={
            "template": template(),
            "title": {"text": "Coverage"},
            "height": min(_MAX_HEIGHT, _FRAME + _ROW * max(3, len(rows))),
            "hovermode": "closest",
            "xaxis": {
                "type": "category",
                "showgrid": False,
                "title": {"text": "Day of the month" if by_day else "Month"},
            },
            "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
        },
    )
