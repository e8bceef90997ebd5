"""Runs beside each other on charts."""

from __future__ import annotations

import numpy as np
import pytest

from aurora_dash.figures.comparison import Dimension, Line, overlay_figure, parallel_figure
from aurora_dash.figures.theme import GREY

STEPS = np.arange(1.0, 101.0)


def test_the_baseline_lies_grey_and_broad_behind_the_others() -> None:
    lines = [
        Line(name="new", curve=(STEPS, 1 / STEPS), group=0),
        Line(name="old", curve=(STEPS, 2 / STEPS), group=1, is_baseline=True),
    ]
    figure = overlay_figure(lines, title="loss", x_title="Step")
    assert [trace.name for trace in figure.data] == ["old", "new"]
    assert figure.data[0].line.width > figure.data[1].line.width
    assert figure.data[0].line.color.startswith(f"rgba({int(GREY[1:3], 16)},")


def test_runs_of_a_group_look_alike_and_others_do_not() -> None:
    lines = [Line(name=str(n), curve=(STEPS, STEPS), group=n % 2) for n in range(4)]
    styles = [
        (trace.line.color, trace.line.dash)
        for trace in overlay_figure(lines, title="loss", x_title="Step").data
    ]
    assert styles[0] == styles[2] != styles[1] == styles[3]


def test_two_hundred_long_runs_have_a_bounded_number_of_points_and_keep_their_spikes() -> None:
    x = np.arange(20_000.0)
    y = np.zeros(x.size)
    y[12_345] = 9
    lines = [Line(name=str(n), curve=(x, y), group=n) for n in range(200)]
    figure = overlay_figure(lines, title="loss", x_title="Step")
    assert sum(trace.x.size for trace in figure.data) <= 15_000
    assert all(trace.y.max() == 9 for trace in figure.data)


def test_a_metric_that_no_run_has_is_said_in_words() -> None:
    nothing = (STEPS, np.full(100, np.nan))
    figure = overlay_figure([Line(name="a", curve=nothing)], title="loss", x_title="Step")
    assert not figure.data
    assert "None of these runs" in figure.layout.annotations[0].text


def test_rates_stand_on_an_axis_of_powers_and_words_in_their_order() -> None:
    dimensions = [
        Dimension(title="lr", values=[1e-5, 1e-2, None]),
        Dimension(title="schedule", values=["cosine", "linear", "cosine"]),
    ]
    figure = parallel_figure(dimensions, [0.1, 0.3, None], "best loss")
    rates, schedules = figure.data[0].dimensions
    assert rates["values"][:2] == pytest.approx([-5, -2])
    assert rates["values"][2] < -5
    assert list(rates["ticktext"]) == ["none", "1e-05", "0.01"]
    assert list(schedules["values"]) == [0, 1, 0]
    assert list(figure.data[0].line.color) == [0.1, 0.3, 0.3]
