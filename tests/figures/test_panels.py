from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aurora_dash.errors import DataError
from aurora_dash.figures.panels import Part, SharedScales, Wind, comparison_panels, panel_set
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


def test_prediction_and_target_share_a_scale_and_both_errors_another(norway: Any) -> None:
    shown = comparison_panels(norway.prediction, norway.target, norway.scene, norway.persistence)
    assert [panel.scale for panel in shown.panels] == [0, 0, 1, 1]
    values, errors = shown.scales
    both = np.stack([norway.prediction, norway.target])
    assert (values.low, values.high) == (pytest.approx(both.min()), pytest.approx(both.max()))
    # The prediction is halfway between persistence and target.
    error, of_persistence = (panel.values for panel in shown.panels[2:])
    np.testing.assert_allclose(error, norway.prediction - norway.target, atol=1e-4)
    np.testing.assert_allclose(of_persistence, 2 * error, atol=1e-3)
    assert errors.high == -errors.low == pytest.approx(np.abs(of_persistence).max())


def test_fields_of_another_grid_are_refused_by_name(norway: Any) -> None:
    fields = {"prediction": norway.prediction, "persistence forecast": norway.persistence}
    for name in fields:
        cut = {**fields, name: fields[name][:60]}
        with pytest.raises(DataError, match=f"The {name} has shape"):
            comparison_panels(
                cut["prediction"], norway.target, norway.scene, cut["persistence forecast"]
            )


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
