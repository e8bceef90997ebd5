"""Every measure against values by hand, against double loops, and against a library."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scores.continuous
import scores.spatial
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from aurora_dash.data.area import area_weights
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.metrics import table_scores
from tests.evaluation.scoring import LATITUDES, make_layout, score_fields, values_of

DIMS = ("time", "latitude", "longitude")
NEAR = pytest.approx


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    """Forecast, target and climatology (5, 3, 4), with holes in forecast and target."""
    rng = np.random.default_rng(1)
    fields = {n: rng.normal(280, 20, (5, 3, 4)).astype(np.float32) for n in ("f", "o", "c")}
    fields["o"][1, 2, 3] = fields["o"][0, 0, :] = fields["f"][4, 1, 1] = np.nan
    return fields


def _points(*fields: np.ndarray) -> list[tuple[float, ...]]:
    """(weight, value, value, ...) wherever all are there, one by one."""
    weights = area_weights(LATITUDES)
    found = []
    for time in range(fields[0].shape[0]):
        for row in range(3):
            for column in range(4):
                values = [float(field[time, row, column]) for field in fields]
                if all(math.isfinite(value) for value in values):
                    found.append((float(weights[row]), *values))
    return found


def _mean(points: list[tuple[float, ...]], of: Callable[..., float]) -> float:
    return sum(w * of(*rest) for w, *rest in points) / sum(w for w, *_ in points)


def test_two_points_by_hand() -> None:
    # Errors 3 and -1 at 60 and 0 degrees; the areas of rows at +-30 about them are 1 - sin 30 and
    # 2 sin 30, that is 1 to 2.
    found = values_of(
        np.array([[[4.0], [1.0]]]),
        np.array([[[1.0], [2.0]]]),
        latitudes=np.array([60.0, 0.0]),
        longitudes=np.array([0.0]),
    )
    assert found == NEAR(
        {"rmse": math.sqrt((9 + 2 * 1) / 3), "mae": (3 + 2 * 1) / 3, "bias": (3 - 2 * 1) / 3}
    )


def test_the_root_comes_after_the_mean_over_time() -> None:
    # Errors 3 at one time and 1 at the next: sqrt((9 + 1) / 2), not (3 + 1) / 2.
    zeros = np.zeros((2, 3, 4))
    forecasts = zeros + np.array([3.0, 1.0])[:, None, None]
    assert values_of(forecasts, zeros)["rmse"] == NEAR(math.sqrt(5))


def test_errors_agree_with_loops_and_with_the_library(data: dict[str, np.ndarray]) -> None:
    found = values_of(data["f"], data["o"])
    points = _points(data["f"], data["o"])
    assert found == NEAR(
        {
            "rmse": math.sqrt(_mean(points, lambda f, o: (f - o) ** 2)),
            "mae": _mean(points, lambda f, o: abs(f - o)),
            "bias": _mean(points, lambda f, o: f - o),
        },
        rel=1e-12,
    )
    forecast, target = (xr.DataArray(data[n].astype(float), dims=DIMS) for n in "fo")
    weights = xr.DataArray(area_weights(LATITUDES), dims="latitude").broadcast_like(target)
    weights = weights.where(np.isfinite(forecast - target), 0.0)
    library = {
        "rmse": scores.continuous.rmse(forecast, target, weights=weights),
        "mae": scores.continuous.mae(forecast, target, weights=weights),
        "bias": scores.continuous.additive_bias(forecast, target, weights=weights),
    }
    assert found == NEAR({name: float(value) for name, value in library.items()}, rel=1e-9)


def test_correlation_agrees_with_loops_and_with_scipy(data: dict[str, np.ndarray]) -> None:
    (found,) = values_of(data["f"], data["o"], ["correlation"]).values()
    points = _points(data["f"], data["o"])
    mean_f, mean_o = (_mean(points, lambda f, o, i=i: (f, o)[i]) for i in (0, 1))
    covariance = _mean(points, lambda f, o: (f - mean_f) * (o - mean_o))
    variances = [_mean(points, lambda f, o, i=i: (f - mean_f, o - mean_o)[i] ** 2) for i in (0, 1)]
    assert found == NEAR(covariance / math.sqrt(variances[0] * variances[1]), rel=1e-9)
    # Rows of equal area: then it is the plain correlation.
    equal = values_of(data["f"], data["o"], ["correlation"], latitudes=np.array([1e-3, 0, -1e-3]))
    _, f, o = np.array(points).T
    assert equal["correlation"] == NEAR(stats.pearsonr(f, o).statistic, rel=1e-6)


def test_anomaly_correlation_and_activity_by_hand() -> None:
    # Anomalies 1, 2 of the forecast, 2, -1 of the target; then 3, 1 and 1, 1. Equal areas.
    climatology = np.full((2, 1, 2), 10.0)
    forecast = climatology + np.array([[[1.0, 2.0]], [[3.0, 1.0]]])
    target = climatology + np.array([[[2.0, -1.0]], [[1.0, 1.0]]])
    found = values_of(
        forecast,
        target,
        ["acc", "activity", "activity_ratio"],
        climatology=climatology,
        latitudes=np.array([0.0]),
        longitudes=np.array([0.0, 1.0]),
    )
    # Not re-centred: (2 - 2 + 3 + 1) / sqrt(15 * 7).
    assert found["acc"] == NEAR(4 / math.sqrt(15 * 7))
    assert found["activity"] == NEAR(math.sqrt(15 / 4))
    assert found["activity_ratio"] == NEAR(math.sqrt(15 / 7))


def test_anomaly_scores_agree_with_loops(data: dict[str, np.ndarray]) -> None:
    found = values_of(data["f"], data["o"], ["acc", "activity"], climatology=data["c"])
    points = _points(data["f"], data["o"], data["c"])
    both = _mean(points, lambda f, o, c: (f - c) * (o - c))
    square_f = _mean(points, lambda f, o, c: (f - c) ** 2)
    square_o = _mean(points, lambda f, o, c: (o - c) ** 2)
    assert found["acc"] == NEAR(both / math.sqrt(square_f * square_o), rel=1e-9)
    assert found["activity"] == NEAR(math.sqrt(square_f), rel=1e-9)


def test_vector_wind_error_counts_both_components_where_both_are_there() -> None:
    rng = np.random.default_rng(3)
    fields = {k: rng.normal(0, 5, (4, 3, 4)).astype(np.float32) for k in ("fu", "fv", "ou", "ov")}
    fields["ou"][0, 0, 0] = fields["fv"][2, 1, 1] = np.nan
    table, _ = score_fields(
        make_layout(("10u", "10v")),
        ["vector_rmse"],
        {"model": {"surf_10u": fields["fu"][None], "surf_10v": fields["fv"][None]}},
        {"surf_10u": fields["ou"], "surf_10v": fields["ov"]},
    )
    points = _points(*fields.values())
    expected = math.sqrt(_mean(points, lambda fu, fv, ou, ov: (fu - ou) ** 2 + (fv - ov) ** 2))
    assert table["vector_rmse"].item() == NEAR(expected, rel=1e-9)
    assert table["wind_variable"].values.tolist() == ["10u+10v"]


def test_directions_differ_by_the_shorter_way_round_and_have_no_correlation() -> None:
    forecast, target = np.array([[[359.0, 1.0, 10.0]]]), np.array([[[1.0, 359.0, 350.0]]])
    grid = {"latitudes": np.array([0.0]), "longitudes": np.array([0.0, 1.0, 2.0])}
    found = values_of(forecast, target, ["bias", "mae", "correlation"], name="mwd", **grid)
    assert found["mae"] == NEAR((2 + 2 + 20) / 3)
    assert found["bias"] == NEAR((-2 + 2 + 20) / 3)
    assert math.isnan(found["correlation"])


def _categorical(fields: dict[str, np.ndarray], threshold: float) -> dict[str, float]:
    """CSI, ETS and frequency bias counted one by one."""
    points = _points(fields["f"], fields["o"])
    hits = sum(w for w, f, o in points if f >= threshold and o >= threshold)
    false = sum(w for w, f, o in points if f >= threshold and o < threshold)
    missed = sum(w for w, f, o in points if f < threshold and o >= threshold)
    by_chance = (hits + false) * (hits + missed) / sum(w for w, *_ in points)
    return {
        "csi": hits / (hits + false + missed),
        "ets": (hits - by_chance) / (hits + false + missed - by_chance),
        "frequency_bias": (hits + false) / (hits + missed),
    }


def test_categorical_scores_agree_with_counting(data: dict[str, np.ndarray]) -> None:
    thresholds = [270.0, 285.0]
    measures = ["csi", "ets", "frequency_bias"]
    table, _ = score_fields(
        make_layout(thresholds={"2t": thresholds}),
        measures,
        {"model": {"surf_2t": data["f"][None]}},
        {"surf_2t": data["o"]},
    )
    for number, threshold in enumerate(thresholds):
        expected = _categorical(data, threshold)
        for measure in measures:
            found = float(table[measure].isel(event=number).squeeze())
            assert found == NEAR(expected[measure], rel=1e-9), (measure, threshold)
    assert table["threshold"].values.tolist() == thresholds
    records = table_scores(table)
    assert {(s.metric, s.threshold, s.unit) for s in records} == {
        (measure, threshold, "1") for measure in measures for threshold in thresholds
    }


def test_an_event_that_never_happens_has_no_score_and_not_a_perfect_one() -> None:
    zeros = np.zeros((1, 3, 4))
    found = values_of(zeros, zeros, ["csi", "ets", "fss"], thresholds={"2t": [5.0]})
    assert all(math.isnan(value) for value in found.values())


def _fss_by_loops(forecast: np.ndarray, target: np.ndarray, threshold: float, width: int) -> float:
    half, above, below = width // 2, 0.0, 0.0
    weights = area_weights(np.linspace(40, 20, forecast.shape[1]))
    for f, o in zip(forecast >= threshold, target >= threshold, strict=True):
        for row in range(f.shape[0]):
            for column in range(f.shape[1]):
                rows = slice(max(0, row - half), row + half + 1)
                columns = slice(max(0, column - half), column + half + 1)
                share_f, share_o = f[rows, columns].mean(), o[rows, columns].mean()
                above += weights[row] * (share_f - share_o) ** 2
                below += weights[row] * (share_f**2 + share_o**2)
    return 1 - above / below


def test_fractions_skill_score_agrees_with_loops_and_with_the_library() -> None:
    rng = np.random.default_rng(4)
    forecast, target = rng.normal(0, 1, (2, 3, 11, 9))
    measures, grid = ["fss"], {"longitudes": np.arange(9.0)}
    for width in (1, 3, 5):
        found = values_of(
            forecast,
            target,
            measures,
            thresholds={"2t": [0.5]},
            neighbourhoods=(width,),
            latitudes=np.linspace(40, 20, 11),
            **grid,
        )
        assert found["fss"] == NEAR(_fss_by_loops(forecast, target, 0.5, width), rel=1e-9)
    # The library counts only squares that lie inside and gives all the same weight: a grid of
    # equal areas, and a region that leaves the edge out.
    dims = {"dims": ("time", "y", "x")}
    library = scores.spatial.fss_2d(
        xr.DataArray(forecast, **dims),
        xr.DataArray(target, **dims),
        event_threshold=0.5,
        window_size=(5, 5),
        spatial_dims=("y", "x"),
        threshold_operator=np.greater_equal,
    )
    layout = make_layout(
        latitudes=np.linspace(1e-3, -1e-3, 11),
        thresholds={"2t": [0.5]},
        neighbourhoods=(5,),
        **grid,
    )
    layout.areas.weights[:, [0, 1, -2, -1]] = layout.areas.weights[:, :, [0, 1, -2, -1]] = 0
    table, _ = score_fields(
        layout, measures, {"model": {"surf_2t": forecast[None]}}, {"surf_2t": target}
    )
    assert table["fss"].item() == NEAR(float(library), rel=1e-6)


def test_gradients_agree_with_differences_one_by_one() -> None:
    latitudes, longitudes = np.array([60.0, 50.0, 40.0, 30.0]), np.arange(0.0, 50.0, 10.0)
    rng = np.random.default_rng(5)
    forecast, target = rng.normal(0, 1, (2, 2, 4, 5))
    weights = area_weights(latitudes)

    def square(field: np.ndarray, row: int, column: int) -> float:
        above, below = max(row - 1, 0), min(row + 1, 3)
        west, east = max(column - 1, 0), min(column + 1, 4)
        north = math.radians(latitudes[above] - latitudes[below])
        across = math.radians(longitudes[east] - longitudes[west])
        across *= math.cos(math.radians(latitudes[row]))
        along = (field[above, column] - field[below, column]) / north
        return along**2 + ((field[row, east] - field[row, west]) / across) ** 2

    total = [
        sum(
            weights[row] * square(field, row, column)
            for field in fields
            for row in range(4)
            for column in range(5)
        )
        for fields in (forecast, target)
    ]
    found = values_of(
        forecast, target, ["gradient_ratio"], latitudes=latitudes, longitudes=longitudes
    )
    assert found["gradient_ratio"] == NEAR(math.sqrt(total[0] / total[1]), rel=1e-9)


def test_on_the_globe_gradients_cross_the_seam_and_leave_the_poles_out() -> None:
    latitudes, longitudes = np.linspace(90, -90, 7), np.arange(0.0, 360.0, 30.0)
    wave = np.cos(np.deg2rad(3 * longitudes))[None, None] * np.ones((1, 7, 1))
    turned = np.roll(wave, 5, axis=-1)
    grid = {"latitudes": latitudes, "longitudes": longitudes}
    one = values_of(wave, turned, ["gradient_ratio"], **grid)["gradient_ratio"]
    assert one == NEAR(1.0, rel=1e-12)
    assert values_of(wave / 2, wave, ["gradient_ratio"], **grid)["gradient_ratio"] == NEAR(0.5)


def test_a_model_that_returns_its_target_is_perfect_in_every_measure() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(280, 20, (4, 3, 4)).astype(np.float32)
    lowest = ["rmse", "mae", "bias", "crps"]
    highest = ["correlation", "acc", "activity_ratio", "gradient_ratio", "spectral_ratio"]
    highest += ["csi", "ets", "frequency_bias", "fss"]
    found = values_of(
        target,
        target,
        [*lowest, *highest],
        climatology=np.full_like(target, 270),
        thresholds={"2t": [280.0]},
    )
    assert {name: found[name] for name in lowest} == dict.fromkeys(lowest, 0.0)
    assert {n: found[n] for n in highest} == NEAR(dict.fromkeys(highest, 1.0), abs=1e-12)


FIELDS = arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.just(3), st.just(4)),
    elements=st.floats(-1e4, 1e4, width=32) | st.just(float("nan")),
)


@settings(max_examples=30, deadline=None)
@given(FIELDS, st.randoms(use_true_random=False))
def test_order_does_not_matter(errors: np.ndarray, random: object) -> None:
    if not np.isfinite(errors).any():
        return
    order = list(range(len(errors)))
    random.shuffle(order)  # type: ignore[attr-defined]
    zeros = np.zeros_like(errors)
    expected = values_of(errors, zeros)
    assert values_of(errors[order], zeros) == NEAR(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(FIELDS)
def test_bias_is_at_most_mae_is_at_most_rmse(errors: np.ndarray) -> None:
    if not np.isfinite(errors).any():
        return
    found = values_of(errors, np.zeros_like(errors))
    slack = 1 + 1e-9
    assert abs(found["bias"]) <= found["mae"] * slack
    assert found["mae"] <= found["rmse"] * slack
    assert found["rmse"] <= np.nanmax(np.abs(errors)) * slack


@settings(max_examples=30, deadline=None)
@given(FIELDS, st.floats(-100, 100), st.floats(0.01, 100))
def test_a_shift_moves_the_bias_and_a_factor_scales_all(
    errors: np.ndarray, shift: float, factor: float
) -> None:
    if not np.isfinite(errors).any():
        return
    double = errors.astype(np.float64)
    zeros = np.zeros_like(double)
    plain = values_of(double, zeros)
    shifted = values_of(double + shift, zeros)
    assert shifted["bias"] == NEAR(plain["bias"] + shift, rel=1e-6, abs=1e-6)
    scaled = values_of(double * factor, zeros)
    assert scaled == NEAR({k: v * factor for k, v in plain.items()}, rel=1e-6, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(FIELDS, st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_correlation_is_within_one_and_sees_neither_shift_nor_factor(
    values: np.ndarray, shift: float, factor: float
) -> None:
    if np.isfinite(values).sum() < 3 or np.nanstd(values.astype(float)) < 1:
        return
    target = np.nan_to_num(values.astype(float)) ** 2 / 1e3 + np.arange(12).reshape(3, 4)
    one = values_of(values.astype(float), target, ["correlation"])["correlation"]
    other = values_of(values.astype(float) * factor + shift, target, ["correlation"])
    if not math.isnan(one):
        assert abs(one) <= 1 + 1e-9
        assert other["correlation"] == NEAR(one, abs=1e-6)


def test_all_sources_are_judged_on_the_points_they_share_and_the_rest_is_counted() -> None:
    target = np.zeros((1, 3, 4))
    target[0, 0, 0] = np.nan
    model = np.ones((1, 3, 4))
    model[0, 1, 1] = np.inf
    persistence = np.full((1, 3, 4), 2.0)
    persistence[0, 1, 1] = 1e6
    forecasts = {"model": {"surf_2t": model[None]}, "persistence": {"surf_2t": persistence[None]}}
    table, scorer = score_fields(
        make_layout(sources=("model", "persistence")), ["rmse"], forecasts, {"surf_2t": target}
    )
    assert table["rmse"].squeeze().values.tolist() == NEAR([1.0, 2.0])
    assert scorer.sums.missing() == [
        {
            "variable": "2t",
            "level": None,
            "lead_hours": 6,
            "points": 10,
            "target_missing": 1,
            "forecast_missing": 1,
        }
    ]


def test_nothing_to_compare_is_an_error_not_a_perfect_score() -> None:
    nothing = np.full((2, 3, 4), np.nan)
    with pytest.raises(EvaluationError, match=r"Nothing of 2t, 6 h ahead .* 24 values"):
        values_of(np.ones((2, 3, 4)), nothing)


def test_a_region_that_is_all_missing_is_an_error_even_where_others_are_not() -> None:
    target = np.zeros((1, 3, 4))
    target[0, 2] = np.nan
    with pytest.raises(EvaluationError, match=r"Nothing of 2t, 6 h ahead .*'tropics'.* 4 values"):
        values_of(np.ones((1, 3, 4)), target, regions=("global", "tropics"))


def test_a_region_and_a_surface_count_their_own_points_only() -> None:
    land = np.zeros((3, 4), np.float32)
    land[2, 1] = land[0, 0] = 1.0
    layout = make_layout(regions=("tropics",), land=land)
    forecast = np.zeros((1, 1, 3, 4))
    forecast[..., 2, :] = [1, 2, 3, 4]
    table, _ = score_fields(
        layout, ["bias"], {"model": {"surf_2t": forecast}}, {"surf_2t": np.zeros((1, 3, 4))}
    )
    found = table["bias"].squeeze()
    assert found.sel(surface="all").item() == NEAR(2.5)
    assert found.sel(surface="land").item() == NEAR(2.0)
    assert found.sel(surface="sea").item() == NEAR(8 / 3)
    assert [s.surface for s in table_scores(table)] == [None, "land", "sea"]


def test_hours_and_seasons_are_those_of_the_valid_time() -> None:
    starts = np.array(["2025-02-28T18", "2025-03-01T06", "2025-06-01T06"], "M8[ns]")
    errors = np.array([1.0, 2.0, 4.0])[:, None, None] * np.ones((3, 3, 4))
    table, _ = score_fields(
        make_layout(),
        ["bias"],
        {"model": {"surf_2t": errors[None]}},
        {"surf_2t": np.zeros((3, 3, 4))},
        starts=starts,
        by_hour=True,
        by_season=True,
    )
    found = table["bias"].squeeze()
    assert found.hour.values.tolist() == ["all", "00", "12"]
    # Six hours after the last evening of February it is March.
    assert found.season.values.tolist() == ["all", "MAM", "JJA"]
    assert found.sel(hour="all", season="all").item() == NEAR(7 / 3)
    assert found.sel(hour="12", season="MAM").item() == NEAR(2.0)
    assert found.sel(hour="00", season="MAM").item() == NEAR(1.0)
    assert math.isnan(found.sel(hour="00", season="JJA"))


def test_a_field_of_another_shape_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"target of surf_2t.*\(4, 3\).*\(3, 4\)"):
        values_of(np.zeros((1, 3, 4)), np.zeros((1, 4, 3)))
    with pytest.raises(EvaluationError, match=r"model of surf_2t"):
        values_of(np.zeros((1, 4, 3)), np.zeros((1, 3, 4)))
