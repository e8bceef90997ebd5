from __future__ import annotations

import numpy as np

from aurora_dash.figures.ensemble import rank_figure


def test_ranks_are_shares_beside_a_flat_histogram() -> None:
    shares = {"model": np.array([0.4, 0.1, 0.1, 0.4]), "initial": np.full(4, 0.25)}
    figure = rank_figure(shares, title="Ranks")
    hollow, flat = figure.data
    assert (list(hollow.x), list(hollow.y)) == ([0, 1, 2, 3], [40, 10, 10, 40])
    assert (hollow.name, flat.name) == ("Fine-tuned", "Before fine-tuning")
    [line] = figure.layout.shapes
    assert line.y0 == 25
