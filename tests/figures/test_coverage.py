from __future__ import annotations

import numpy as np

from aurora_dash.figures.coverage import coverage_figure


def test_all_some_none_and_nothing_expected_look_different() -> None:
    present, expected = np.array([[4, 2], [0, 0]]), np.array([[4, 4], [4, 0]])
    figure = coverage_figure(present, expected, ["2024-01", "2024-02"], ["1", "2"])
    heat = figure.data[0]
    assert heat.z[0].tolist() == [2, 1]
    assert heat.z[1][0] == 0
    assert np.isnan(heat.z[1][1])
    assert heat.customdata[0].tolist() == ["4 of 4", "2 of 4"]
    assert figure.layout.height > 100
