"""Joint histograms against numpy's, in whatever order and pieces the fields come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aurora_dash.data.area import area_weights
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.histograms import Joint, read_joint, write_histograms
from aurora_dash.evaluation.joint import JointHistograms, limits_of
from aurora_dash.evaluation.layout import Layout
from aurora_dash.evaluation.statistics import Scorer
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.spec import VariableSpec
from tests.evaluation.scoring import LATITUDES, make_layout

CPU = torch.device("cpu")
WEIGHTS = np.broadcast_to(area_weights(LATITUDES)[:, None], (3, 4))


def histograms(
    layout: Layout,
    target: np.ndarray,
    forecasts: dict[str, np.ndarray],
    *,
    order: list[int] | None = None,
    limits: np.ndarray | None = None,
) -> xr.Dataset:
    """Of fields (time, field, lat, lon) of one variable, given one time after the other."""
    [key] = [scored.key for scored in layout.targets]
    if limits is None:
        limits = limits_of(layout, None, ())
    joint = JointHistograms(layout, limits, CPU)
    scorer = Scorer(layout, ("rmse",), len(target), CPU, joint=joint)
    for time in order or range(len(target)):
        at = {s: {key: torch.from_numpy(v[time][None])} for s, v in forecasts.items()}
        scorer.add(time, 0, {key: torch.from_numpy(target[time])}, at)
    return joint.dataset()


def read(folder: Path, dataset: xr.Dataset, *of: object) -> Joint:
    write_histograms(folder, dataset)
    return read_joint(folder, *of)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fields() -> tuple[np.ndarray, np.ndarray]:
    """Target and forecast (6, 2, 3, 4) that spread more from time to time, with holes."""
    rng = np.random.default_rng(2)
    spread = np.array([1.0, 3.0, 2.0, 30.0, 5.0, 9.0])[:, None, None, None]
    target = 250 + spread * rng.normal(0, 1, (6, 2, 3, 4))
    forecast = target + spread * rng.normal(0.5, 1, target.shape)
    target[2, 0, 1, 2] = forecast[4, 1, 0, 0] = np.nan
    return target, forecast


def test_counts_are_numpys_weighted_by_area(
    tmp_path: Path, fields: tuple[np.ndarray, np.ndarray]
) -> None:
    target, forecast = fields
    layout = make_layout(("t",), levels=(850, 500))
    dataset = histograms(layout, target, {"model": forecast})
    for row, level in enumerate((850.0, 500.0)):
        joint = read(tmp_path, dataset, "t", level, 6)
        there = np.isfinite(target[:, row]) & np.isfinite(forecast[:, row])
        expected, *_ = np.histogram2d(
            target[:, row][there],
            forecast[:, row][there],
            bins=(joint.edges, joint.edges),
            weights=np.broadcast_to(WEIGHTS, there.shape)[there],
        )
        np.testing.assert_allclose(joint.area["model"], expected, rtol=1e-6)
        values = np.concatenate([target[:, row][there], forecast[:, row][there]])
        assert joint.edges[0] <= values.min() < values.max() < joint.edges[-1]
        # Twice as narrow would not do.
        assert values.max() - values.min() > np.diff(joint.edges)[0] * (joint.edges.size - 2) / 2


def test_the_order_of_times_changes_nothing(fields: tuple[np.ndarray, np.ndarray]) -> None:
    target, forecast = fields
    layout = make_layout(("t",), levels=(850, 500))
    first = histograms(layout, target, {"model": forecast})
    for order in ([5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]):
        xr.testing.assert_allclose(
            histograms(layout, target, {"model": forecast}, order=order), first
        )


@settings(max_examples=40, deadline=None)
@given(
    values=arrays(
        np.float64,
        (5, 1, 3, 4),
        # Threads of torch may take subnormal numbers for zero.
        elements=st.floats(-1e6, 1e6, allow_subnormal=False)
        | st.sampled_from([0.0, -0.0, 1e-300, 280.0]),
    ),
    order=st.permutations(list(range(5))),
)
def test_every_point_is_in_its_bin_whatever_the_values(
    values: np.ndarray, order: list[int]
) -> None:
    layout = make_layout(("2t",))
    dataset = histograms(layout, values[:, 0], {"model": values[::-1, 0]}, order=list(order))
    start, width = float(dataset["bin_start"][0]), float(dataset["bin_width"][0])
    edges = start + width * np.arange(dataset.sizes["target_bin"] + 1)
    weights = np.broadcast_to(WEIGHTS, (5, 3, 4)).ravel()
    expected, *_ = np.histogram2d(
        values.ravel(), values[::-1].ravel(), bins=(edges, edges), weights=weights
    )
    np.testing.assert_allclose(dataset["area"].values[0, 0, 0], expected, rtol=1e-6)


def test_a_forecast_that_ran_away_leaves_the_others_told_apart() -> None:
    layout = make_layout(("2t",), sources=("model", "persistence"))
    statistics = ModelStatistics(surface={"2t": (280.0, 10.0)}, atmospheric={})
    limits = limits_of(layout, statistics, ())
    assert limits.tolist() == [[-40.0, 600.0]]
    rng = np.random.default_rng(0)
    target = rng.normal(280, 10, (2, 3, 4))
    wild = np.full_like(target, 1e12)
    dataset = histograms(layout, target, {"model": wild, "persistence": target}, limits=limits)
    assert float(dataset["bin_width"][0]) == 4.0
    area = dataset["area"].values[0, 0]
    # All of the model lies in the bin of the limit, and nothing is lost.
    assert area[0].sum() == pytest.approx(24)
    assert np.count_nonzero(area[0].sum(axis=0)) == 1
    assert np.count_nonzero(area[1]) > 5


def test_limits_of_a_transformed_variable_are_in_its_unit() -> None:
    variable = VariableSpec(name="tp", unit="m", transform="sqrt", mean=0.02, std=0.01)
    statistics = ModelStatistics(surface={"tp": (0.02, 0.01)}, atmospheric={})
    limits = limits_of(make_layout(("tp",)), statistics, (variable,))
    assert limits[0] == pytest.approx([0.0, 0.34**2])


def test_very_many_histograms_have_fewer_bins() -> None:
    names = [f"source-{number}" for number in range(6)]
    many = make_layout(
        ("t",), levels=range(1, 71), leads=[6 * step for step in range(1, 41)], sources=names
    )
    joint = JointHistograms(many, limits_of(many, None, ()), CPU)
    assert joint.num_bins == 32
    assert 70 * 40 * 6 * joint.num_bins**2 * 8 <= 512 * 2**20


def test_what_was_not_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"histograms\.nc"):
        read_joint(tmp_path, "2t", None, 6)
    target = np.zeros((1, 3, 4))
    dataset = histograms(make_layout(("2t",)), target, {"model": target})
    for of in (("msl", None, 6), ("2t", 850.0, 6), ("2t", None, 12)):
        with pytest.raises(EvaluationError, match=r"not scored|no histogram"):
            read(tmp_path, dataset, *of)
    constant = read(tmp_path, dataset, "2t", None, 6)
    assert constant.area["model"].sum() == pytest.approx(12)
