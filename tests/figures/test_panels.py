from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aurora_dash.errors import DataError
from aurora_dash.figures.panels import Part, SharedScales, Wind, panel_set
from aurora_dash.figures.scene import Scene
from aurora_dash.variables import Group, describe

SCENE = Scene(
    variable=describe("10u", Group.SURFACE), latitudes=[1.0, 0.0], longitudes=[0.0, 180.0]
)


def frame(values: float, difference: float) -> Any:
    parts = [
        Part(title="Prediction", values=np.full((2, 2), values)),
        Part(title="Error", values=np.full((2, 2), difference), is_difference=True),
    ]
    return panel_set(parts, SCENE)


def test_all_frames_of_an_animation_get_the_colours_of_all() -> None:
    frames = [frame(3, 0.5), frame(-7, 0.1), frame(np.nan, np.nan)]
    shared = SharedScales()
    for one in frames:
        shared.add(one)
    for one in frames:
        values, differences = shared.of(one).scales
        assert (values.low, values.high) == (-7, 7)
        assert (differences.low, differences.high) == (-0.5, 0.5)
        assert shared.of(one).panels == one.panels
        assert "Grey: no value." in shared.of(one).remarks, "the words are those of all frames"


def test_the_wind_is_brought_into_the_order_of_the_map() -> None:
    wind = Wind(east=np.float32([[1, 2], [3, 4]]), north=np.float32([[5, 6], [7, 8]]))
    part = Part(title="Prediction", values=np.zeros((2, 2)), wind=wind)
    [panel] = panel_set([part], SCENE).panels
    # A globe is drawn from -180: the column of 180 degrees comes first.
    assert panel.wind is not None
    assert panel.wind.east.tolist() == [[2, 1], [4, 3]]
    assert panel.wind.north.tolist() == [[6, 5], [8, 7]]


def test_what_must_be_said_goes_below_the_maps() -> None:
    part = Part(title="Prediction", values=np.zeros((2, 2)))
    scene = replace(SCENE, attribution="ERA5")
    assert panel_set([part], scene, notes=["No target."]).remarks == ["No target.", "ERA5"]
    with pytest.raises(DataError, match="no field to draw"):
        panel_set([], SCENE, notes=["No target."])
