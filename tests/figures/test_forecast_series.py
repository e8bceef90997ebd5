from __future__ import annotations

import numpy as np

from aurora_dash.figures.forecast_series import forecast_series_figure
from aurora_dash.variables import Group, describe


def test_each_line_is_what_it_is_called_and_gaps_stay() -> None:
    times = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-04"))
    lines = {
        "prediction": np.float32([1, 2, 3]),
        "target": np.float32([1, np.nan, 2]),
        "persistence": np.float32([1, 1, 1]),
        "run b": np.float32([3, 2, 1]),
    }
    figure = forecast_series_figure(times, lines, describe("10u", Group.SURFACE), "wind")
    assert [line.name for line in figure.data] == ["Prediction", "Target", "Persistence", "run b"]
    for line, values in zip(figure.data, lines.values(), strict=True):
        np.testing.assert_array_equal(line.y, values)
        assert line.connectgaps is False
    assert len({line.line.color for line in figure.data}) == 4
    assert figure.layout.yaxis.title.text == "m s⁻¹"
    assert "UTC" in figure.layout.xaxis.title.text
