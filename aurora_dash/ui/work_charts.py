"""The charts of how a run works: gradients, weights, rates, speed, use of the machine."""

from __future__ import annotations

import numpy as np

from aurora_dash.figures import training as figures
from aurora_dash.figures.curves import Curve, Plan, curves_figure
from aurora_dash.runs.metrics import MetricsTable
from aurora_dash.ui.chart_curves import View, by_process, curve, rests, sparse, under

NORM, _CLIPPED = "grad_norm/", "grad_norm_clipped/"
_RATE, _WEIGHT, _UPDATE = "lr/", "weight_norm/", "update_ratio/"


def norm_chart(table: MetricsTable, view: View) -> Plan:
    """Norm of all gradients, before and after clipping."""
    return figures.total_norm_figure(
        curve(table, view, "grad_norm"),
        curve(table, view, "grad_norm_clipped"),
        clip=view.clip,
        x_title=view.x_title,
    )


def group_norms_chart(table: MetricsTable, view: View) -> Plan:
    """Gradient norms before clipping, by group of parameters and new variable."""
    norms = under(table, view, NORM, view.groups)
    return figures.group_norms_figure(norms, when="before clipping", x_title=view.x_title)


def clipped_norms_chart(table: MetricsTable, view: View) -> Plan | None:
    """The same after clipping, where anything is clipped."""
    norms = under(table, view, _CLIPPED, view.groups)
    if not norms:
        return None
    return figures.group_norms_figure(norms, when="after clipping", x_title=view.x_title)


def weights_chart(table: MetricsTable, view: View) -> Plan | None:
    """Norms of the trained weights, by group and new variable."""
    norms = under(table, view, _WEIGHT, view.groups)
    return figures.weight_norm_figure(norms, x_title=view.x_title) if norms else None


def updates_chart(table: MetricsTable, view: View) -> Plan | None:
    """The size of updates against that of the weights, by group and new variable."""
    ratios = under(table, view, _UPDATE, view.groups)
    return figures.update_ratio_figure(ratios, x_title=view.x_title) if ratios else None


def rate_chart(table: MetricsTable, view: View) -> Plan:
    """Learning rates of what came with the checkpoint, and of what has one of its own."""
    curves = {"existing weights": curve(table, view, "lr")} | under(table, view, _RATE)
    return figures.learning_rate_figure(curves, log_y=view.log, x_title=view.x_title)


def pace_chart(table: MetricsTable, view: View) -> Plan | None:
    """Samples a second of all processes together."""
    name = "samples_per_second"
    if name not in table.names():
        return None
    drawn = curve(table, view, name, smoothing=view.smoothing)
    return _many(view, {"samples a second": drawn}, "Throughput", "Samples a second")


def time_chart(table: MetricsTable, view: View) -> Plan:
    """Time of a step, the part that waits for data, and pauses for checkpoints."""
    (pauses,) = sparse(table, view, ["save_seconds"]).values()
    return figures.step_time_figure(
        curve(table, view, "step_seconds"),
        curve(table, view, "data_seconds"),
        pauses,
        log_y=view.log,
        x_title=view.x_title,
    )


def cpu_chart(table: MetricsTable, view: View) -> Plan | None:
    """How busy the processes keep their cores, and how busy the machine is."""
    if "cpu_percent" not in table.names():
        return None
    (machine,) = sparse(table, view, ["machine_cpu_percent"]).values()
    curves = {**by_process(table, view, "cpu_percent", "process"), "all of the machine": machine}
    return _many(view, curves, "Processor use", "% of a core (process), of all (machine)")


def gpu_chart(table: MetricsTable, view: View) -> Plan | None:
    """The share of time in which the GPUs compute."""
    return _of_gpus(table, view, "gpu_percent", "GPU utilisation", "Percent")


def heat_chart(table: MetricsTable, view: View) -> Plan | None:
    """Temperature of the GPUs."""
    return _of_gpus(table, view, "gpu_celsius", "GPU temperature", "°C")


def power_chart(table: MetricsTable, view: View) -> Plan | None:
    """Power that the GPUs draw."""
    return _of_gpus(table, view, "gpu_watts", "GPU power", "W")


def memory_chart(table: MetricsTable, view: View) -> Plan:
    """Memory of the GPUs; without any, of the process."""
    held = curve(table, view, "memory_bytes")
    if "gpu_memory_bytes" not in table.names():
        return _memory(view, {"in use": held}, "Memory")
    taken = by_process(table, view, "gpu_memory_bytes", "taken on the GPU")
    totals = table.column("gpu_memory_total_bytes")
    known = totals[np.isfinite(totals)]
    capacity = float(known[-1]) if known.size else None
    return _memory(view, {"most by torch": held, **taken}, "GPU memory", capacity)


def host_chart(table: MetricsTable, view: View) -> Plan | None:
    """Memory of the processes, and what the hosts have left."""
    if "rss_bytes" not in table.names():
        return None
    (free,) = sparse(table, view, ["host_free_bytes"]).values()
    curves = {**by_process(table, view, "rss_bytes", "process"), "free": free}
    return _memory(view, curves, "Host memory")


def groups_of(table: MetricsTable) -> tuple[str, ...]:
    """Groups of parameters and new variables that have gradients."""
    return rests(table, NORM)


def _of_gpus(table: MetricsTable, view: View, field: str, title: str, y_title: str) -> Plan | None:
    if field not in table.names():
        return None
    return _many(view, dict(by_process(table, view, field, "GPU")), title, y_title)


def _many(view: View, curves: dict[str, Curve], title: str, y_title: str) -> Plan:
    return curves_figure(
        curves, title=title, y_title=y_title, x_title=view.x_title, log_y=view.log, from_zero=True
    )


def _memory(
    view: View, curves: dict[str, Curve], title: str, capacity: float | None = None
) -> Plan:
    return figures.memory_figure(
        curves, title=title, capacity_bytes=capacity, log_y=view.log, x_title=view.x_title
    )
