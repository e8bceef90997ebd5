"""Whether an ensemble says how sure it is: where the target falls among its members."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from aurora_dash.figures.sources import source_name, source_styles
from aurora_dash.figures.theme import GREY, faint, template


def rank_figure(shares: Mapping[str, NDArray[np.float64]], *, title: str) -> go.Figure:
    """How often the target has each rank among the members, by source (members + 1,).

    A flat histogram is that of members from which the target could be drawn; a hollow one spreads
    too little, a humped one too much, a slope is a bias.
    """
    figure = go.Figure(layout={"template": template(), "title": {"text": title}, "bargap": 0.1})
    for source, (colour, _) in source_styles(list(shares)).items():
        values = shares[source]
        figure.add_trace(
            go.Bar(
                name=source_name(source),
                x=np.arange(values.size),
                y=100 * values,
                marker={"color": faint(colour, 0.7), "line": {"width": 0}},
                hovertemplate="%{y:.3~g} %",
            )
        )
    count = max((values.size for values in shares.values()), default=1)
    figure.add_hline(
        y=100 / count, line={"color": GREY, "dash": "dash"}, annotation={"text": "if it were flat"}
    )
    figure.update_layout(showlegend=len(shares) > 1)
    figure.update_xaxes(title_text="Members below the target", dtick=max(1, count // 16))
    figure.update_yaxes(title_text="% of the area", rangemode="tozero")
    return figure
