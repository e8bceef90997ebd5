"""What needs how much of a device's memory."""

from __future__ import annotations

import pytest

from aurora_dash.figures.budget import budget_figure

GIB = 2**30


def test_parts_lie_end_to_end_before_the_line_of_what_there_is() -> None:
    figure = budget_figure({"weights": 2 * GIB, "average": 0, "decoder": 3 * GIB}, 24 * GIB)
    bars = {bar.name: bar.x[0] for bar in figure.data}
    assert bars == {"weights": pytest.approx(2), "decoder": pytest.approx(3)}
    assert figure.layout.barmode == "stack"
    assert figure.layout.shapes[0].x0 == 24
    assert not budget_figure({"weights": GIB}, None).layout.shapes
