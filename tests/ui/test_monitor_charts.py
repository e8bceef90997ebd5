"""The Monitor's charts hold the numbers of the metrics file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aurora_dash.runs.alerts import Alert, Noticed
from aurora_dash.runs.metrics import MetricsTable, MetricsWriter, metrics_table
from aurora_dash.ui import monitor_charts, run_charts
from aurora_dash.ui.run_charts import View
from tests.pages.helpers import record


@pytest.fixture
def table(tmp_path: Path) -> MetricsTable:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as metrics:
        metrics.write(
            {"step": 0, "split": "validation", "time": 60.0, "loss": 2.0, "persistence_loss": 0.7}
        )
        for step in (1, 2, 3):
            metrics.write(record(step, time=60.0 + 30 * step))
        metrics.write({"step": 3, "split": "validation", "time": 151.0, "loss": 0.5})
    return metrics_table(path)


def curve(figure: object, name: str) -> tuple[list[float], list[float]]:
    trace = next(t for t in figure.data if t.name == name)  # type: ignore[attr-defined]
    return list(np.asarray(trace.x, float)), list(np.asarray(trace.y, float))


def test_losses_stand_at_their_steps(table: MetricsTable) -> None:
    figure = run_charts.loss_chart(table, View())
    x, y = curve(figure, "training")
    assert x == [1, 2, 3]
    assert y == pytest.approx([1, 1 / 2, 1 / 3])
    assert curve(figure, "validation") == ([0, 3], [2.0, 0.5])
    assert [t.name for t in figure.data][-1] == "persistence 0.7"


def test_time_is_counted_in_minutes_from_the_first_record(table: MetricsTable) -> None:
    figure = run_charts.loss_chart(table, View(axis="Minutes"))
    assert curve(figure, "training")[0] == pytest.approx([0.5, 1.0, 1.5])


def test_a_variable_on_levels_is_one_curve_of_their_mean(table: MetricsTable) -> None:
    figure = run_charts.variables_chart(table, View())
    assert {t.name for t in figure.data} == {"2t", "z"}
    assert curve(figure, "z")[1] == pytest.approx([0.3, 0.3, 0.3])


def test_gradient_norms_are_shown_in_total_and_by_group(table: MetricsTable) -> None:
    figure = run_charts.norm_chart(table, View(), clip=1.0)
    assert curve(figure, "total")[1] == [2, 2, 2]
    assert curve(figure, "encoder")[1] == [1, 1, 1]
    assert "clipped at 1" in {t.name for t in figure.data}


def test_the_rate_of_new_embeddings_appears_only_where_there_are_any(table: MetricsTable) -> None:
    figure = run_charts.rate_chart(table, View())
    assert {t.name for t in figure.data} == {"existing weights"}


def test_a_variable_with_a_rate_of_its_own_has_its_own_curve(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    rates = {"lr": 1e-4, "lr/new_embeddings": 1e-3, "lr/new_embeddings/surf_tp": 5e-3}
    with MetricsWriter(path) as metrics:
        metrics.write({"step": 1, "split": "train", "loss": 1.0, **rates})
    figure = run_charts.rate_chart(metrics_table(path), View())
    assert {drawn.name: drawn.y[0] for drawn in figure.data} == pytest.approx(
        {"existing weights": 1e-4, "new embeddings": 1e-3, "new embeddings/surf tp": 5e-3}
    )


def test_memory_and_step_time_are_drawn(table: MetricsTable) -> None:
    assert curve(run_charts.memory_chart(table, View()), "in use")[1] == [1, 1, 1]
    assert curve(run_charts.time_chart(table, View()), "whole step")[1] == [0.25] * 3


def test_of_many_lead_times_a_few_are_drawn_the_first_and_last_among_them(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    losses = {f"lead_loss/{6 * number}": float(number) for number in range(1, 41)}
    with MetricsWriter(path) as metrics:
        metrics.write({"step": 5, "split": "validation", "time": 1.0, **losses})
    figure = run_charts.leads_chart(metrics_table(path), View())
    names = [trace.name for trace in figure.data]
    assert len(names) == 8
    assert (names[0], names[-1]) == ("6 h", "240 h")
    assert curve(figure, "240 h") == ([5], [40.0])


def _noticed(rule: str, step: int) -> Noticed:
    return Noticed(Alert(rule=rule, step=step, message="Odd <b>thing</b>."), 0.0)


def test_alerts_are_marked_where_they_belong(table: MetricsTable) -> None:
    alerts = (_noticed("loss_spike", 2), _noticed("throughput", 3))
    minutes = View(axis="Minutes")
    marks = monitor_charts.alert_marks(table, minutes, alerts, "loss")
    assert [mark.x for mark in marks] == pytest.approx([1.0, 1.5])
    assert marks[0].text == "Step 2: Odd <b>thing</b>."
    (mark,) = monitor_charts.alert_marks(table, View(), alerts, "time")
    assert mark.x == 3
    assert monitor_charts.alert_marks(table, View(), alerts, "memory") == []


def test_what_is_measured_now_and_then_is_drawn_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as metrics:
        for step in (1, 2, 3):
            looks = {"update_ratio/encoder": 1e-3 * step, "weight_norm/encoder": 7.0}
            metrics.write(record(step, time=30.0 * step, **(looks if step != 2 else {})))
    sparse = metrics_table(path)
    figure = run_charts.updates_chart(sparse, View())
    assert curve(figure, "encoder") == ([1, 3], pytest.approx([1e-3, 3e-3]))
    assert curve(run_charts.weights_chart(sparse, View()), "encoder")[1] == [7.0, 7.0]


def test_a_loss_that_ran_away_is_drawn_on_a_logarithmic_axis_at_first(tmp_path: Path) -> None:
    steady, diverged = MetricsTable(tmp_path / "a"), MetricsTable(tmp_path / "b")
    steady.extend(record(step) for step in range(1, 50))
    diverged.extend(record(step, loss=1e9 if step == 49 else 0.3) for step in range(1, 50))
    assert not run_charts.spans_decades(steady)
    assert run_charts.spans_decades(diverged)
