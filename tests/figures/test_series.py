from __future__ import annotations

import numpy as np

from aurora_dash.figures.series import series_figure
from aurora_dash.variables import Group, describe


def test_a_series_keeps_gaps_and_names_unit_and_time_zone() -> None:
    times = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-04"))
    values = np.array([280.0, np.nan, 281.0], np.float32)
    figure = series_figure(times, values, describe("2t", Group.SURFACE), "2 m temperature")
    [line] = figure.data
    assert np.array_equal(line.y, values, equal_nan=True)
    assert line.connectgaps is False
    assert figure.layout.yaxis.title.text == "K"
    assert "UTC" in figure.layout.xaxis.title.text
