"""The Monitor's charts hold the numbers of the metrics file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aurora_dash.runs.alerts import Alert, Noticed, Remedy
from aurora_dash.runs.metrics import MetricsTable, MetricsWriter, metrics_table
from aurora_dash.ui import chart_axes, monitor_charts, run_charts, work_charts
from aurora_dash.ui.chart_curves import View
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


def written(folder: Path, records: list[dict[str, float]]) -> MetricsTable:
    """The table of a file with these records."""
    with MetricsWriter(folder / "written.jsonl") as metrics:
        for one in records:
            metrics.write(one)
    return metrics_table(folder / "written.jsonl")


def curve(figure: object, name: str) -> tuple[list[float], list[float]]:
    trace = next(t for t in figure.figure().data if t.name == name)  # type: ignore[attr-defined]
    return list(np.asarray(trace.x, float)), list(np.asarray(trace.y, float))


def test_losses_stand_at_their_steps(table: MetricsTable) -> None:
    figure = run_charts.loss_chart(table, View())
    x, y = curve(figure, "training")
    assert x == [1, 2, 3]
    assert y == pytest.approx([1, 1 / 2, 1 / 3])
    assert curve(figure, "validation") == ([0, 3], [2.0, 0.5])
    assert [t.name for t in figure.figure().data][-1] == "persistence 0.7"


def test_time_is_counted_in_minutes_from_the_first_record(table: MetricsTable) -> None:
    figure = run_charts.loss_chart(table, View(axis="Minutes"))
    assert curve(figure, "training")[0] == pytest.approx([0.5, 1.0, 1.5])


def test_a_variable_on_levels_is_one_curve_of_their_mean(table: MetricsTable) -> None:
    figure = run_charts.variables_chart(table, View())
    assert {t.name for t in figure.figure().data} == {"2t", "z"}
    assert curve(figure, "z")[1] == pytest.approx([0.3, 0.3, 0.3])
    few = run_charts.variables_chart(table, View(variables=("z",)))
    assert [t.name for t in few.figure().data] == ["z"]
    levels = run_charts.levels_chart(table, View(variables=("z",)))
    assert list(levels.figure().data[0].y) == ["z 850 hPa", "z 500 hPa"]
    assert run_charts.levels_chart(table, View(variables=("2t",))) is None


def test_losses_of_the_validation_are_drawn_by_variable_level_and_part(tmp_path: Path) -> None:
    validation = {"split": "validation", "step": 4, "time": 9.0, "loss": 1.0}
    parts = {"part/era5/loss": 0.5, "part/norway/loss": 0.25, "part/norway/persistence_loss": 9.0}
    losses = {"loss/2t": 0.5, "loss/z/500": 0.2, "loss/z/850": 0.4}
    table = written(tmp_path, [record(1), {**validation, **losses, **parts}])
    view = View(split="validation")
    figure = run_charts.variables_chart(table, view)
    assert curve(figure, "z") == ([4], pytest.approx([0.3]))
    assert "validation" in figure.figure().layout.title.text
    assert list(run_charts.levels_chart(table, view).figure().data[0].y) == [
        "z 850 hPa",
        "z 500 hPa",
    ]
    figure = run_charts.parts_chart(table, View())
    assert [trace.name for trace in figure.figure().data] == ["era5", "norway"]
    assert curve(figure, "norway") == ([4], [0.25])
    assert run_charts.parts_chart(written(tmp_path / "none", [record(1)]), View()) is None


def test_gradient_norms_are_shown_in_total_and_by_group(table: MetricsTable) -> None:
    figure = work_charts.norm_chart(table, View(clip=1.0))
    assert curve(figure, "before clipping")[1] == [2, 2, 2]
    assert "clipped at 1" in {t.name for t in figure.figure().data}
    assert curve(work_charts.group_norms_chart(table, View()), "encoder")[1] == [1, 1, 1]
    assert work_charts.clipped_norms_chart(table, View()) is None


def test_norms_after_clipping_stand_beside_those_before(tmp_path: Path) -> None:
    clipped = {"grad_norm_clipped": 1.0, "grad_norm_clipped/encoder": 0.5}
    now_and_then = {"grad_norm_clipped/new_embeddings/surf_tp": 0.1}
    table = written(
        tmp_path,
        [record(step, **clipped, **(now_and_then if step == 1 else {})) for step in (1, 2)],
    )
    assert curve(work_charts.norm_chart(table, View()), "after clipping")[1] == [1, 1]
    figure = work_charts.clipped_norms_chart(table, View())
    assert curve(figure, "encoder") == ([1, 2], [0.5, 0.5])
    assert curve(figure, "new embeddings: tp") == ([1], pytest.approx([0.1]))
    chosen = work_charts.clipped_norms_chart(table, View(groups=("encoder",)))
    assert [trace.name for trace in chosen.figure().data] == ["encoder"]


def test_the_rate_of_new_embeddings_appears_only_where_there_are_any(table: MetricsTable) -> None:
    figure = work_charts.rate_chart(table, View())
    assert {t.name for t in figure.figure().data} == {"existing weights"}


def test_a_variable_with_a_rate_of_its_own_has_its_own_curve(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    rates = {"lr": 1e-4, "lr/new_embeddings": 1e-3, "lr/new_embeddings/surf_tp": 5e-3}
    with MetricsWriter(path) as metrics:
        metrics.write({"step": 1, "split": "train", "loss": 1.0, **rates})
    figure = work_charts.rate_chart(metrics_table(path), View())
    assert {drawn.name: drawn.y[0] for drawn in figure.figure().data} == pytest.approx(
        {"existing weights": 1e-4, "new embeddings": 1e-3, "new embeddings: tp": 5e-3}
    )


def test_memory_and_step_time_are_drawn(table: MetricsTable) -> None:
    assert curve(work_charts.memory_chart(table, View()), "in use")[1] == [1, 1, 1]
    figure = work_charts.time_chart(table, View())
    assert curve(figure, "whole step")[1] == [0.25] * 3
    assert "pause for a checkpoint" not in {trace.name for trace in figure.figure().data}
    assert work_charts.cpu_chart(table, View()) is None
    assert work_charts.gpu_chart(table, View()) is None
    assert work_charts.pace_chart(table, View()) is None


def test_throughput_and_pauses_for_checkpoints_are_drawn(tmp_path: Path) -> None:
    records = [record(step, samples_per_second=4.0 * step) for step in (1, 2, 3)]
    records[1]["save_seconds"] = 1.5
    table = written(tmp_path, records)
    assert curve(work_charts.pace_chart(table, View()), "samples a second")[1] == [4, 8, 12]
    figure = work_charts.time_chart(table, View())
    assert curve(figure, "pause for a checkpoint") == ([2], [1.5])


def test_every_process_and_gpu_of_a_run_has_its_curves(tmp_path: Path) -> None:
    first = {"cpu_percent": 90.0, "machine_cpu_percent": 60.0, "gpu_percent": 99.0}
    first |= {"rss_bytes": 2.0**30, "host_free_bytes": 2.0**33, "gpu_watts": 300.0}
    first |= {"gpu_memory_bytes": 3.0 * 2**30, "gpu_memory_total_bytes": 80.0 * 2**30}
    second = {"process/1/cpu_percent": 80.0, "process/1/gpu_percent": 97.0}
    second |= {"process/1/gpu_memory_bytes": 2.0**32, "process/10/gpu_percent": 95.0}
    table = written(tmp_path, [record(1, **first), record(2), record(3, **second)])
    view = View()
    figure = work_charts.cpu_chart(table, view)
    assert [t.name for t in figure.figure().data] == [
        "process 0",
        "process 1",
        "all of the machine",
    ]
    assert curve(figure, "process 1") == ([3], [80.0])
    figure = work_charts.gpu_chart(table, view)
    assert [t.name for t in figure.figure().data] == ["GPU 0", "GPU 1", "GPU 10"]
    figure = work_charts.memory_chart(table, view)
    assert [t.name for t in figure.figure().data] == [
        *("most by torch", "taken on the GPU 0", "taken on the GPU 1", "80 GiB there"),
    ]
    assert curve(figure, "taken on the GPU 1") == ([3], [4.0])
    assert curve(work_charts.host_chart(table, view), "free") == ([1], [8.0])
    assert curve(work_charts.power_chart(table, view), "GPU") == ([1], [300.0])
    assert work_charts.heat_chart(table, view) is None


def test_the_clock_is_an_axis_too(table: MetricsTable) -> None:
    view = View(axis="UTC")
    figure = chart_axes.show_clock(run_charts.loss_chart(table, view), view.axis)
    assert curve(figure, "training")[0] == [90_000, 120_000, 150_000]
    assert (figure.figure().layout.xaxis.type, figure.figure().layout.xaxis.title.text) == (
        "date",
        "Time (UTC)",
    )
    zoomed = run_charts.loss_chart(table, View(axis="UTC", stretch=(90_000, 120_000)))
    assert curve(zoomed, "training") == curve(figure, "training")


def test_of_many_lead_times_a_few_are_drawn_the_first_and_last_among_them(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    losses = {f"lead_loss/{6 * number}": float(number) for number in range(1, 41)}
    with MetricsWriter(path) as metrics:
        metrics.write({"step": 5, "split": "validation", "time": 1.0, **losses})
    figure = run_charts.leads_chart(metrics_table(path), View())
    names = [trace.name for trace in figure.figure().data]
    assert len(names) == 8
    assert (names[0], names[-1]) == ("6 h", "240 h")
    assert curve(figure, "240 h") == ([5], [40.0])


def _noticed(rule: str, step: int, **more: object) -> Noticed:
    return Noticed(Alert(rule=rule, step=step, message="Odd <b>thing</b>.", **more), 0.0)


def test_alerts_are_marked_where_they_belong(table: MetricsTable) -> None:
    alerts = (_noticed("loss_spike", 2), _noticed("throughput", 3))
    minutes = View(axis="Minutes")
    marks = monitor_charts.alert_marks(table, minutes, alerts, "loss")
    assert [mark.x for mark in marks] == pytest.approx([1.0, 1.5])
    assert marks[0].text == "Step 2: Odd <b>thing</b>."
    (mark,) = monitor_charts.alert_marks(table, View(), alerts, "time")
    assert mark.x == 3
    assert monitor_charts.alert_marks(table, View(), alerts, "memory") == []


def test_a_mark_says_what_to_do(table: MetricsTable) -> None:
    remedy = Remedy(key="halve-rate", label="Halve the rate", explanation="", assignments=())
    alerts = (_noticed("plateau", 2, advice="Wait.", remedies=(remedy,)),)
    (mark,) = monitor_charts.alert_marks(table, View(), alerts, "rate")
    assert mark.text.splitlines()[1:] == ["What to do: Wait.", "Remedies: Halve the rate"]


def test_every_chart_has_a_place_on_the_page() -> None:
    shown = [name for section in monitor_charts.SECTIONS for row in section.rows for name in row]
    assert sorted([*shown, "loss", "norm", "pace"]) == sorted(monitor_charts.CHARTS)


def test_what_is_measured_now_and_then_is_drawn_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as metrics:
        for step in (1, 2, 3):
            looks = {"update_ratio/encoder": 1e-3 * step, "weight_norm/encoder": 7.0}
            metrics.write(record(step, time=30.0 * step, **(looks if step != 2 else {})))
    sparse = metrics_table(path)
    figure = work_charts.updates_chart(sparse, View())
    assert curve(figure, "encoder") == ([1, 3], pytest.approx([1e-3, 3e-3]))
    assert curve(work_charts.weights_chart(sparse, View()), "encoder")[1] == [7.0, 7.0]


def test_a_loss_that_ran_away_is_drawn_on_a_logarithmic_axis_at_first(tmp_path: Path) -> None:
    steady, diverged = MetricsTable(tmp_path / "a"), MetricsTable(tmp_path / "b")
    steady.extend(record(step) for step in range(1, 50))
    diverged.extend(record(step, loss=1e9 if step == 49 else 0.3) for step in range(1, 50))
    assert not run_charts.spans_decades(steady)
    assert run_charts.spans_decades(diverged)
