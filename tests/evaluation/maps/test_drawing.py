from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.errors import DataError, EvaluationError
from aurora_dash.evaluation.maps.against import Other
from aurora_dash.evaluation.maps.drawing import Kind, View, draw, wind_of
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.evaluation.maps.opening import of_evaluation, of_stored
from aurora_dash.figures.scene import FloatArray
from tests.evaluation.maps.known import LONGITUDES, SPEC, STARTS, make_result, make_stored, value

AT = At(key="surf_2t", level=None, sample=0, lead_hours=12)
# A grid round the globe is drawn from -180: the columns of 180, 270, 0 and 90 degrees.
ORDER = np.argsort((LONGITUDES + 180) % 360)


def drawn(*args: object, **options: object) -> dict[str, FloatArray]:
    shown = draw(*args, **options)  # type: ignore[arg-type]
    return {panel.title: panel.values for panel in shown.panels}


def fields(key: str = "surf_2t", level: float | None = None) -> dict[str, np.ndarray]:
    sources = ("model", "target", "persistence", "initial")
    return {s: value(s, key, 0, 12, level)[:, ORDER] for s in sources}


def test_every_map_is_what_its_title_says(kept: Forecasts) -> None:
    for at in (AT, replace(AT, key="atmos_t", level=850.0)):
        known = fields(at.key, at.level)
        kinds = tuple(k for k in Kind if k not in (Kind.OTHER, Kind.MINUS))
        maps = drawn(kept, View(at=at, kinds=kinds))
        expected = {
            "Prediction": known["model"],
            "Target": known["target"],
            "Initial state": known["persistence"],
            "Prediction − target": known["model"] - known["target"],
            "Persistence − target": known["persistence"] - known["target"],
            "Increment: prediction − initial state": known["model"] - known["persistence"],
        }
        assert set(maps) == set(expected)
        for title, values in expected.items():
            np.testing.assert_array_equal(maps[title], values, err_msg=title)


def test_fields_share_one_scale_and_differences_another_about_zero(kept: Forecasts) -> None:
    shown = draw(kept, View(at=AT, kinds=(Kind.PREDICTION, Kind.TARGET, Kind.ERROR)))
    assert [panel.scale for panel in shown.panels] == [0, 0, 1]
    values, differences = shown.scales
    assert (values.low, values.high) == (
        min(f.min() for f in (fields()["model"], fields()["target"])),
        max(f.max() for f in (fields()["model"], fields()["target"])),
    )
    assert differences.low == -differences.high


def test_differences_alone_have_the_only_scale(kept: Forecasts) -> None:
    shown = draw(kept, View(at=AT, kinds=(Kind.ERROR,)))
    assert [panel.scale for panel in shown.panels] == [0]
    assert shown.scales[0].low == -shown.scales[0].high


def test_what_is_not_there_is_left_out_and_said(kept: Forecasts) -> None:
    late = View(at=replace(AT, sample=1), kinds=(Kind.PREDICTION, Kind.TARGET, Kind.ERROR))
    shown = draw(kept, late)
    assert [panel.title for panel in shown.panels] == ["Prediction"]
    assert "no target at 2025-01-01T18:00Z" in " ".join(shown.remarks)
    alike = draw(kept, late, keep_empty=True)
    assert [np.isnan(panel.values).all() for panel in alike.panels] == [False, True, True]


def test_nothing_at_all_is_an_error_with_its_reason(kept: Forecasts) -> None:
    with pytest.raises(DataError) as caught:
        draw(kept, View(at=replace(AT, sample=1), kinds=(Kind.TARGET,)))
    assert "no target at 2025-01-01T18:00Z" in caught.value.remedy


def test_the_wind_of_each_map_is_its_own(kept: Forecasts) -> None:
    assert wind_of(kept.variables, "surf_2t") == ("surf_10u", "surf_10v")
    assert wind_of(kept.variables, "atmos_t") is None
    view = View(at=AT, kinds=(Kind.PREDICTION, Kind.INCREMENT), wind=True)
    prediction, increment = draw(kept, view).panels
    for key, part in (("surf_10u", "east"), ("surf_10v", "north")):
        model, persistence = (value(source, key, 0, 12) for source in ("model", "persistence"))
        model, persistence = model[:, ORDER], persistence[:, ORDER]
        np.testing.assert_array_equal(getattr(prediction.wind, part), model)
        np.testing.assert_array_equal(getattr(increment.wind, part), model - persistence)


def test_a_minus_b_is_taken_at_the_same_valid_time_and_lead(
    kept: Forecasts, tmp_path: Path
) -> None:
    """B begins one step later: its first sample is the second of A."""
    later = np.array([STARTS[1], STARTS[1] + np.timedelta64(6, "h")])
    with of_evaluation(make_result(tmp_path / "b", later), SPEC) as second:
        other = Other.of(kept, second, source="initial", name="run b")
        assert (other.samples, other.lead_hours) == ({1: 0}, (6, 12))
        kinds = (Kind.PREDICTION, Kind.OTHER, Kind.MINUS)
        view = View(at=replace(AT, sample=1), kinds=kinds)
        maps = drawn(kept, view, other)
        a, b = value("model", "surf_2t", 1, 12), value("initial", "surf_2t", 0, 12)
        np.testing.assert_array_equal(maps["A: prediction"], a[:, ORDER])
        np.testing.assert_array_equal(maps["B: prediction"], b[:, ORDER])
        np.testing.assert_array_equal(maps["A − B"], (a - b)[:, ORDER])
        shown = draw(kept, replace(view, at=AT), other)
        assert "A is run maps, step-00000002, B is run b." in shown.notes
        assert [panel.title for panel in shown.panels] == ["A: prediction"]
        assert "run b has no such field for 2025-01-01T12:00Z" in " ".join(shown.remarks)


def test_an_evaluation_and_a_stored_forecast_are_compared_alike(
    kept: Forecasts, stored: Forecasts
) -> None:
    other = Other.of(kept, stored, source="model", name="run b")
    assert (other.samples, other.lead_hours) == ({0: 0, 1: 1}, (6, 12))
    maps = drawn(kept, View(at=AT, source="initial", kinds=(Kind.MINUS,)), other)
    expected = fields()["initial"] - fields()["model"]
    np.testing.assert_array_equal(maps["A − B"], expected)


def test_forecasts_that_share_no_time_are_refused_in_words(kept: Forecasts, tmp_path: Path) -> None:
    far = STARTS + np.timedelta64(3, "h")
    with (
        of_evaluation(make_result(tmp_path / "b", far), SPEC) as second,
        pytest.raises(EvaluationError, match=r"no valid time and lead time in common.*T03:00Z"),
    ):
        Other.of(kept, second, source="model", name="run b")


def test_forecasts_on_different_grids_are_refused(kept: Forecasts, tmp_path: Path) -> None:
    with of_stored(make_stored(tmp_path / "b.zarr")) as stored:
        cut = replace(stored, dataset=stored.dataset.isel(longitude=slice(1, None)))
        with pytest.raises(EvaluationError, match="on different grids"):
            Other.of(kept, cut, source="model", name="run b")


def test_directions_are_subtracted_the_shorter_way_round(kept: Forecasts) -> None:
    from aurora_dash.variables import Group, describe

    turned = xr.full_like(kept.dataset["surf_2t"].load(), 350.0)
    turned.loc[{"source": "target"}] = 10.0
    direction = replace(
        kept,
        dataset=kept.dataset.assign(surf_mwd=turned),
        variables={**kept.variables, "surf_mwd": describe("mwd", Group.SURFACE)},
    )
    maps = drawn(direction, View(at=replace(AT, key="surf_mwd"), kinds=(Kind.ERROR,)))
    assert np.unique(maps["Prediction − target"]) == -20
