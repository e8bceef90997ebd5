from __future__ import annotations

import numpy as np

from aurora_dash.figures.rollout import forecast_length_figure, lead_losses_figure


def test_forecasts_are_drawn_as_long_as_the_training_has_them() -> None:
    stages = [(0, 16), (5000, 24), (8000, 40), (20_000, 41)]
    figure = forecast_length_figure(stages, total_steps=13_000, lead_hours=6)
    (line,) = figure.data
    assert list(line.x) == [1, 5001, 8001, 13_000]
    assert list(line.y) == [4, 6, 10, 10]
    assert line.line.shape == "hv"
    assert figure.layout.yaxis.title.text == "Days"


def test_short_forecasts_are_drawn_in_hours() -> None:
    figure = forecast_length_figure([(0, 1), (3, 2)], total_steps=6, lead_hours=12)
    assert list(figure.data[0].y) == [12, 24, 24]
    assert figure.layout.yaxis.title.text == "Hours"


def test_each_lead_time_has_a_curve_in_order() -> None:
    x = np.array([0, 5])
    figure = lead_losses_figure({12: (x, np.array([3.0, 2.0])), 6: (x, np.array([1.0, 0.5]))})
    assert [(trace.name, list(trace.y)) for trace in figure.figure().data] == [
        ("6 h", [1.0, 0.5]),
        ("12 h", [3.0, 2.0]),
    ]
