"""How the loss of every level goes, as a map of levels against steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from plotly.colors import get_colorscale

from aurora_dash.figures.curves import Curve, Plan
from aurora_dash.figures.thinning import GrowingBins

_MOST_COLUMNS = 120
_SUFFIX = " hPa"


def level_losses_figure(
    losses: Mapping[tuple[str, float], Curve], *, split: str = "training", x_title: str = "Step"
) -> Plan:
    """The loss by variable and level (hPa), a row each, high levels above, relative to its start.

    A cell is the mean over its steps divided by the mean over the first cell of its row, on a
    logarithmic scale, so that levels whose losses differ by themselves can be compared: above 1
    it became worse. Values that are not finite count for nothing; a cell without any stays empty.
    """
    rows = sorted(losses, key=lambda key: (key[0], -key[1]))
    cells = []
    for x, y in (losses[row] for row in rows):
        ends, means = GrowingBins().means(y, _MOST_COLUMNS)
        cells.append((x[ends], means))
    num_columns = max((y.size for _, y in cells), default=0)
    grid = np.full((len(rows), num_columns), np.nan)
    for row, (_, y) in zip(grid, cells, strict=True):
        row[: y.size] = y
    first = np.array([row[np.isfinite(row)][:1].sum() for row in grid])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = grid / first[:, None]
        z = np.log10(np.where(relative > 0, relative, np.nan))
    bound = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else 1.0
    plan = Plan.of(f"Loss by level, {split}", x_title, "")
    plan.frame.update(hovermode="closest", showlegend=False, yaxis={"type": "category"})
    plan.traces.append(
        {
            "type": "heatmap",
            "x": max((x for x, _ in cells), key=lambda x: x.size, default=np.empty(0)),
            "y": [f"{name} {level:g}{_SUFFIX}" for name, level in rows],
            "z": z.astype(np.float32),
            "customdata": relative.astype(np.float32),
            "zmin": -bound or -1,
            "zmax": bound or 1,
            "colorscale": get_colorscale("RdBu_r"),
            "colorbar": {"title": {"text": "times<br>its start"}, **_ticks(bound or 1.0)},
            "hovertemplate": f"%{{y}}, {x_title} %{{x}}: %{{customdata:.3g}} times its start"
            "<extra></extra>",
        }
    )
    return plan


def _ticks(bound: float) -> Mapping[str, list[float] | list[str]]:
    places = np.linspace(-bound, bound, 5)
    return {"tickvals": places.tolist(), "ticktext": [f"{10**place:.2g}" for place in places]}
