from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.figures.curves import Curve, Plan, curves_figure
from aurora_dash.figures.marks import Mark, add_marks
from aurora_dash.figures.training import (
    group_norms_figure,
    learning_rate_figure,
    loss_figure,
    memory_figure,
    smoothed,
    step_time_figure,
    total_norm_figure,
    variable_losses_figure,
)

EMPTY: Curve = (np.array([]), np.array([]))


def curve(size: int = 100, *, seed: int = 0) -> Curve:
    return np.arange(1, size + 1), np.random.default_rng(seed).uniform(0.1, 1, size)


def trace(figure: Plan, name: str) -> go.Scatter:
    return next(drawn for drawn in figure.figure().data if drawn.name == name)


def names(figure: Plan) -> list[str]:
    return [drawn.name for drawn in figure.figure().data]


def test_the_loss_stands_beside_validation_and_persistence() -> None:
    train, validation = curve(100), (np.array([0, 50, 100]), np.array([0.9, 0.5, 0.4]))
    figure = loss_figure(train, validation, persistence=0.31874)
    assert names(figure) == ["training", "validation", "persistence 0.3187"]
    np.testing.assert_allclose(trace(figure, "training").y, train[1], rtol=1e-6)
    level = figure.figure().data[2]
    assert list(level.y) == [0.31874, 0.31874]
    assert list(level.x) == [0, 100]


def test_smoothing_is_drawn_over_the_loss_and_not_in_its_place() -> None:
    figure = loss_figure(curve(), EMPTY, smoothed=curve())
    assert names(figure) == ["training", "training, smoothed"]
    assert trace(figure, "training").line.color == "rgba(0,114,178,0.35)"


def test_a_spike_among_a_million_losses_is_seen() -> None:
    x, y = curve(1_000_000)
    y[654_321] = 99.0
    shown = loss_figure((x, y), EMPTY).figure().data[0]
    assert shown.x[np.argmax(shown.y)] == 654_322
    assert shown.y.max() == 99.0


def test_what_goes_over_the_wire_is_bounded_whatever_the_length() -> None:
    sizes = [
        len(total_norm_figure(curve(size), curve(size)).figure().to_json())
        for size in (100_000, 1_000_000)
    ]
    assert max(sizes) < 80_000
    many = {f"z/{level}": curve(100_000, seed=level) for level in range(20)}
    assert len(variable_losses_figure(many).figure().to_json()) < 100_000


def test_values_travel_as_typed_arrays() -> None:
    shown = json.loads(loss_figure(curve(), EMPTY).figure().to_json())["data"][0]
    assert shown["y"]["dtype"] == "f4"
    assert shown["x"]["dtype"] in {"i1", "i2", "i4"}
    minutes = (np.arange(100) / 60, curve()[1])
    assert (
        json.loads(loss_figure(minutes, EMPTY).figure().to_json())["data"][0]["x"]["dtype"] == "f4"
    )


def test_steps_beyond_single_precision_stay_exact() -> None:
    steps = np.array([2.0**24 + 1, 2.0**24 + 2])
    shown = loss_figure((steps, np.array([1.0, 2.0])), EMPTY).figure().data[0]
    assert list(shown.x) == [16_777_217, 16_777_218]


def test_one_value_is_seen_too() -> None:
    figure = loss_figure((np.array([1]), np.array([0.5])), EMPTY)
    assert figure.figure().data[0].mode == "lines+markers"
    assert loss_figure(curve(50), EMPTY).figure().data[0].mode == "lines"


def test_groups_keep_their_looks_over_charts() -> None:
    groups = ("encoder", "new_embeddings/surf_tp", "new_embeddings")
    norms = group_norms_figure({name: curve() for name in groups}, when="before clipping")
    rates = learning_rate_figure({"existing weights": curve(), "new_embeddings": curve()})
    assert norms.figure().layout.yaxis.type == "log"
    assert trace(norms, "new embeddings").line == trace(rates, "new embeddings").line
    assert names(norms) == ["encoder", "new embeddings: tp", "new embeddings"]
    assert len({drawn.line.color for drawn in norms.figure().data}) == 3


def test_clipping_is_marked() -> None:
    figure = total_norm_figure(curve(), curve(seed=1), clip=1.0)
    assert names(figure) == ["before clipping", "after clipping", "clipped at 1"]
    assert figure.figure().layout.yaxis.type == "log"
    assert names(total_norm_figure(curve(), EMPTY)) == ["before clipping"]


def test_memory_is_shown_in_gib_below_what_there_is() -> None:
    used = (np.array([1, 2]), np.array([2**30, 3 * 2**30], dtype=float))
    figure = memory_figure({"in use": used}, capacity_bytes=8 * 2**30)
    np.testing.assert_allclose(figure.figure().data[0].y, [1, 3])
    assert names(figure) == ["in use", "8 GiB there"]


def test_step_time_names_the_wait_for_data() -> None:
    figure = step_time_figure(curve(), curve(), (np.array([50]), np.array([3.5])))
    assert names(figure) == ["whole step", "waiting for data", "pause for a checkpoint"]
    assert trace(figure, "pause for a checkpoint").mode == "lines+markers"


def test_a_column_that_was_never_recorded_is_left_out() -> None:
    missing = (np.arange(5), np.full(5, np.nan))
    assert names(step_time_figure(curve(5), missing, EMPTY)) == ["whole step"]


@pytest.mark.parametrize(
    "figure",
    [
        loss_figure(EMPTY, EMPTY, persistence=0.3, smoothed=EMPTY),
        total_norm_figure(EMPTY, EMPTY, clip=1.0),
        variable_losses_figure({}),
        memory_figure({"in use": EMPTY}, capacity_bytes=1e9),
        learning_rate_figure({"existing weights": EMPTY}),
        step_time_figure(EMPTY, EMPTY, EMPTY),
    ],
)
def test_without_values_the_chart_says_so(figure: Plan) -> None:
    assert not figure.figure().data
    assert figure.figure().layout.annotations[0].text == "Nothing recorded yet"


def test_smoothing_by_hand() -> None:
    # Weights 1 and 0.5 for the newest and the one before, and so on, divided by their sum.
    expected = [4.0, (2 + 0.5 * 4) / 1.5, (1 + 0.5 * 2 + 0.25 * 4) / 1.75]
    np.testing.assert_allclose(smoothed(np.array([4.0, 2.0, 1.0]), 0.5), expected)


def test_smoothing_passes_over_gaps_and_leaves_them() -> None:
    result = smoothed(np.array([4.0, np.nan, 2.0, np.inf]), 0.5)
    np.testing.assert_allclose(result, [4.0, np.nan, (2 + 0.5 * 4) / 1.5, np.nan])


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50), st.floats(0, 0.99))
def test_smoothing_stays_within_the_values(values: list[float], weight: float) -> None:
    result = smoothed(np.array(values), weight)
    assert result.min() >= min(values) - 1e-6
    assert result.max() <= max(values) + 1e-6


@pytest.mark.parametrize("weight", [-0.1, 1.0])
def test_smoothing_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="smoothing"):
        smoothed(np.array([1.0]), weight)


def test_no_figure_animates() -> None:
    for figure in (loss_figure(curve(), EMPTY), total_norm_figure(curve(), EMPTY)):
        assert "transition" not in figure.figure().to_dict()["layout"]


def test_marks_are_lines_on_an_axis_of_their_own_with_plain_words() -> None:
    steps = np.arange(5.0)
    figure = loss_figure((steps, steps + 1), (steps[:0], steps[:0]))
    before = figure.figure().layout.yaxis.to_plotly_json()
    assert add_marks(figure, []) is figure
    assert len(figure.figure().data) == 1
    add_marks(figure, [Mark(2.0, "A <b>jump</b> " * 8), Mark(4.0, "Two")])
    lines = figure.figure().data[-1]
    assert lines.name == "alerts"
    assert list(lines.x) == [2, 2, 2, None, 4, 4, 4, None]
    assert lines.yaxis == "y2"
    assert figure.figure().layout.yaxis2.range == (0, 1)
    assert figure.figure().layout.yaxis.to_plotly_json() == before
    assert "&lt;b&gt;jump" in lines.text[0]
    assert "<br>" in lines.text[0]
    assert "<b>" not in lines.text[0]
    # What can be done about it stands on lines of its own.
    told = [Mark(1.0, "Odd.\nWhat to do: this.")]
    assert add_marks(loss_figure((steps, steps + 1), EMPTY), told).figure().data[-1].text[0] == (
        "Odd.<br>What to do: this."
    )
    # Nothing is marked where there is no curve yet.
    empty = loss_figure((steps[:0], steps[:0]), (steps[:0], steps[:0]))
    assert len(add_marks(empty, [Mark(1.0, "x")]).figure().data) == 0


def test_no_two_curves_of_a_chart_look_alike_and_moments_stay_exact() -> None:
    many = {f"variable {number}": curve() for number in range(18)} | {"encoder": curve()}
    drawn = curves_figure(many, title="Many", y_title="1").figure().data
    assert len({(trace.line.color, trace.line.dash) for trace in drawn}) == 19
    moments = np.array([1.8e12, 1.8e12 + 1, 1.8e12 + 2])
    figure = curves_figure({"one": (moments, np.ones(3))}, title="Clock", y_title="1")
    assert figure.figure().data[0].x.tolist() == moments.tolist()


def test_a_logarithmic_axis_is_asked_for_and_never_begins_at_zero() -> None:
    for log_y in (False, True):
        figure = learning_rate_figure({"existing weights": curve()}, log_y=log_y)
        assert figure.figure().layout.yaxis.type == ("log" if log_y else "linear")
        assert figure.figure().layout.yaxis.rangemode == (None if log_y else "tozero")
