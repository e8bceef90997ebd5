from __future__ import annotations

import numpy as np

from aurora_dash.figures.scores import Change, score_by_lead_figure

SCORES = {
    "model": np.array([1.5, 3.0]),
    "persistence": np.array([2.0, 3.5]),
    "ours-2": np.array([1.0, np.nan]),
    "climatology": np.array([np.nan, np.nan]),
}


def draw(**more: object):
    return score_by_lead_figure(
        [6, 12], SCORES, title="RMSE of 2t", measure="RMSE", unit="K", best=0.0, **more
    )


def test_every_source_that_has_the_score_is_a_line() -> None:
    figure = draw()
    assert [line.name for line in figure.data] == ["Fine-tuned", "Persistence", "ours-2"]
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([6, 12], [1.5, 3.0])
    assert figure.layout.yaxis.title.text == "RMSE [K]"
    assert figure.layout.yaxis.rangemode == "tozero"
    assert len({line.line.color for line in figure.data}) == 3


def test_the_change_against_a_reference_lies_below_with_its_interval() -> None:
    change = Change(
        reference="persistence",
        percent=np.array([-25.0, -14.0]),
        low=np.array([-30.0, -20.0]),
        high=np.array([-20.0, 1.0]),
    )
    figure = draw(change=change)
    band, line = figure.data[-2:]
    assert (list(band.x), list(band.y)) == ([6, 12, 12, 6], [-20, 1, -20, -30])
    assert list(line.y) == [-25, -14]
    assert line.yaxis == band.yaxis == "y2"
    assert figure.layout.yaxis2.title.text == "% to persistence"


def test_at_a_single_lead_time_the_interval_is_whiskers() -> None:
    change = Change(
        reference="initial", percent=np.array([-25.0]), low=np.array([-40.0]),
        high=np.array([-5.0]),
    )  # fmt: skip
    figure = score_by_lead_figure(
        [6], {"model": np.array([1.5])}, title="", measure="ACC", unit="1", best=1.0, change=change
    )
    whiskers = figure.data[-1].error_y
    assert (list(whiskers.array), list(whiskers.arrayminus)) == ([20.0], [15.0])
    assert figure.layout.yaxis.title.text == "ACC"
    assert figure.layout.yaxis.rangemode == "normal"


def test_many_lead_times_have_some_ticks() -> None:
    hours = [6 * step for step in range(1, 41)]
    figure = score_by_lead_figure(
        hours, {"model": np.arange(40.0)}, title="", measure="RMSE", unit="K"
    )
    assert list(figure.layout.xaxis.tickvals) == [6, 30, 54, 78, 102, 126, 150, 174, 198, 222]
