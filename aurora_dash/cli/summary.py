"""Runs as plain data and as text, the same in every command."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from aurora_dash.cli.output import number
from aurora_dash.errors import SpecError
from aurora_dash.runs.columns import FloatArray
from aurora_dash.runs.overview import overview_of
from aurora_dash.runs.schema import USAGE_FIELDS
from aurora_dash.runs.status import RunStatus
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec

_GIB = 2**30


def run_summary(run: Run) -> dict[str, Any]:
    """State, progress and times of a run; what its spec calls it, or why that can't be read."""
    status = run.status()
    summary: dict[str, Any] = {
        "run_id": run.id,
        "folder": str(run.folder),
        "state": status.state.value,
        "reason": status.reason,
        "remedy": status.remedy,
        "steps": status.step,
        "total_steps": status.total_steps,
        "last_loss": status.last_loss,
        "best_loss": status.best_loss,
        "device": status.device,
        "num_parameters": status.num_parameters,
        "num_trainable": status.num_trainable,
        "created": _iso(status.created),
        "started": _iso(status.started),
        "ended": _iso(status.ended),
    }
    overview = overview_of(run)
    summary |= {
        **overview.annotations.model_dump(mode="json"),
        "waiting_for": status.waiting_for,
        "queue_place": status.queue_place,
        "launched_by": overview.launched.by if overview.launched else None,
        "launcher": overview.launched.launcher if overview.launched else None,
        "launched": _iso(overview.launched.time) if overview.launched else None,
        "origin": str(overview.provenance.origin or "") or None,
        "parent": overview.parent,
    }
    try:
        spec = run.spec()
    except SpecError as error:
        return {**summary, "name": None, "labels": [], "problem": str(error)}
    return {**summary, "name": spec.name, "labels": labels(spec)}


def labels(spec: RunSpec) -> list[str]:
    """What must be said wherever results of this spec are shown."""
    found = ["synthetic data"] if spec.is_demo else []
    return [*found, "random weights"] if spec.model.is_random else found


def losses(run: Run) -> dict[str, float | None]:
    """Final and best losses by split, from the metrics of a run; None where there is none."""
    table = run.metrics()
    train, validation = table.column("loss"), table.column("loss", "validation")
    persistence = table.column("persistence_loss", "validation")
    return {
        "final_loss": _final(train),
        "best_training_loss": _best(train),
        "final_validation_loss": _final(validation),
        "best_validation_loss": _best(validation),
        "persistence_validation_loss": _final(persistence),
    }


def _final(values: FloatArray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else None


def _best(values: FloatArray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.min()) if finite.size else None


def usage(run: Run) -> dict[str, float]:
    """What the run's first process took of its machine when it was last looked at, and the newest
    samples a second."""
    names = ("samples_per_second", "memory_bytes", *(field.name for field in USAGE_FIELDS))
    return run.metrics().newest(names)


def usage_text(found: Mapping[str, float]) -> str:
    """The same in one line; empty where nothing is known."""
    told = (
        ("samples_per_second", "{:.3g} samples/s", 1),
        ("cpu_percent", "processor {:.0f} % of a core", 1),
        ("machine_cpu_percent", "machine {:.0f} %", 1),
        ("rss_bytes", "memory {:.1f} GiB", _GIB),
        ("host_free_bytes", "{:.1f} GiB free", _GIB),
        ("gpu_percent", "GPU {:.0f} %", 1),
        ("gpu_memory_bytes", "GPU memory {:.1f} GiB", _GIB),
        ("gpu_celsius", "{:.0f} °C", 1),
        ("gpu_watts", "{:.0f} W", 1),
    )
    return ", ".join(text.format(found[name] / unit) for name, text, unit in told if name in found)


def progress_text(status: RunStatus) -> str:
    """One line: state, step, losses, time left."""
    parts: list[str] = [status.in_words]
    if status.waiting_for:
        parts.append(f"waiting for {status.waiting_for}")
    if status.total_steps:
        parts.append(f"step {status.step}/{status.total_steps}")
    if status.last_loss is not None:
        parts.append(f"loss {number(status.last_loss)}")
    if status.best_loss is not None:
        parts.append(f"best {number(status.best_loss)}")
    if status.seconds_left is not None:
        minutes, seconds = divmod(round(status.seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    return ", ".join(parts)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
