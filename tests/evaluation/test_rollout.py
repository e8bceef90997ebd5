"""Forecasts written to files: what is in them, how much memory they take, how they go on."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import cf_xarray  # noqa: F401  (registers the accessor)
import numpy as np
import pytest
import xarray as xr
from aurora import Batch

from aurora_dash.cli.rollout import with_time_left
from aurora_dash.data.source import open_data
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation import rollout as rollout_module
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.pace import Pace
from aurora_dash.evaluation.request import EvaluationRequest, RolloutRequest
from aurora_dash.evaluation.results import select_scores
from aurora_dash.evaluation.rollout import Rollout, rollout
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec


def _roll(run: Run, path: Path, **fields: Any) -> Rollout:
    options = {name: fields.pop(name) for name in ("progress", "should_stop") if name in fields}
    request = RolloutRequest.build({"run": run.id, "device": "cpu", **fields})
    return rollout(request, path, store=RunStore(run.folder.parent), **options)


@pytest.mark.parametrize("name", ["forecast.zarr", "forecast.nc"])
def test_a_file_opens_without_help_and_says_what_it_is(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, name: str
) -> None:
    seen: list[tuple[int, int]] = []
    result = _roll(
        make_run(small_spec, step=120),
        tmp_path / name,
        leads=2,
        max_starts=2,
        progress=lambda *at: seen.append(at),
    )
    assert seen == [(done, 4) for done in range(5)]
    assert (result.steps_made, result.lead_hours) == (4, (6, 12))
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == [name]
    with xr.open_dataset(tmp_path / name) as found:
        assert {"t2m", "u10", "v10", "msl", "t", "u", "v", "q", "z"} <= {*found.data_vars}
        assert found.t.dims == ("time", "prediction_timedelta", "level", "latitude", "longitude")
        leads = found.prediction_timedelta.values.astype("timedelta64[h]").astype(int)
        assert leads.tolist() == [6, 12]
        expected = found.time.values[:, None] + leads * np.timedelta64(1, "h")
        np.testing.assert_array_equal(found.valid_time, expected)
        assert all(np.isfinite(found[name]).all() for name in ("t2m", "t"))
        # CF readers find the axes and the variables by their standard names.
        assert found.cf["latitude"].name == "latitude"
        assert found.cf["vertical"].name == "level"
        assert found.cf["forecast_reference_time"].name == "time"
        assert found.cf["forecast_period"].name == "prediction_timedelta"
        assert found.cf["air_pressure_at_mean_sea_level"].name == "msl"
        assert found.t2m.attrs["units"] == "K"
        assert found.t2m.attrs["GRIB_shortName"] == "2t"
        for key in ("attribution", "model_checkpoint", "model_variant", "model_licence", "history"):
            assert found.attrs[key], key
        assert "step-00000120" in found.attrs["model_checkpoint"]
        assert found.attrs["synthetic"] == found.attrs["random_weights"] == 1
        assert found.attrs["Conventions"].startswith("CF-")


@pytest.mark.slow
def test_the_fields_are_those_that_an_evaluation_judges_and_can_be_judged_from_the_file(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    _roll(run, tmp_path / "own.zarr", leads=2)
    request = EvaluationRequest.build(
        {
            "run": run.id,
            "device": "cpu",
            "initial": False,
            "leads": 2,
            "max_map_samples": 2,
            "against": [{"name": "own", "forecast": str(tmp_path / "own.zarr")}],
        }
    )
    result = evaluate(request, tmp_path / "out", store=RunStore(run.folder.parent))
    model, own = (select_scores(result.scores, source=s, metric="rmse") for s in ("model", "own"))
    assert own == model
    with open_fields(tmp_path / "out" / "fields.nc") as fields:
        for sample in (0, 1):
            one = fields.sel(source="model").isel(sample=sample)
            with xr.open_dataset(tmp_path / "own.zarr", engine="zarr") as stored:
                there = stored.sel(time=one.time)
                np.testing.assert_array_equal(there.t2m.values, one.surf_2t.values)
                np.testing.assert_array_equal(there.q.values, one.atmos_q.values)


def test_forecasts_begin_where_the_data_ends_and_as_far_apart_as_asked(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _roll(make_run(small_spec), tmp_path / "f.zarr", every_hours=24, variables="2t")
    times = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset.time.values
    # No target is needed: the last times of the data begin forecasts, too.
    np.testing.assert_array_equal(result.starts, times[1::4])
    assert result.variables == ("t2m",)


def test_a_finished_rollout_is_not_made_again_and_another_is_refused(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run, other = make_run(small_spec), make_run(small_spec)
    for path in (tmp_path / "f.zarr", tmp_path / "f.nc"):
        assert _roll(run, path, max_starts=1).steps_made == 1
        assert _roll(run, path, max_starts=1).steps_made == 0
        with pytest.raises(EvaluationError, match="holds other forecasts: Forecasts of run"):
            _roll(other, path, max_starts=1)
        with pytest.raises(EvaluationError, match=r"holds other forecasts.*prediction_timedelta"):
            _roll(run, path, max_starts=1, leads=2)
    with pytest.raises(EvaluationError, match=r"does not say in which format"):
        _roll(run, tmp_path / "f.grib")


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_what_was_stopped_goes_on_in_the_middle_of_a_forecast(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, stop_after: int
) -> None:
    run, fields = make_run(small_spec), {"leads": 3, "max_starts": 2}
    _roll(run, tmp_path / "whole.zarr", **fields)
    done: list[int] = []
    with pytest.raises(EvaluationError, match=f"stopped after {stop_after} of 6 steps"):
        _roll(
            run,
            tmp_path / "parts.zarr",
            progress=lambda at, total: done.append(at),
            should_stop=lambda: done[-1] >= stop_after,
            **fields,
        )
    assert _roll(run, tmp_path / "parts.zarr", **fields).steps_made == 6 - stop_after
    _assert_same(tmp_path / "whole.zarr", tmp_path / "parts.zarr")


def _assert_same(one: Path, other: Path) -> None:
    with xr.open_dataset(one, engine="zarr") as a, xr.open_dataset(other, engine="zarr") as b:
        # A forward pass rounds its last digit by how its inputs lie in memory.
        for name in a.data_vars:
            largest = float(abs(a[name].astype(float)).max())
            difference = abs(a[name].astype(float) - b[name].astype(float))
            assert float(difference.max()) <= 3e-6 * largest, name
        xr.testing.assert_equal(a.coords.to_dataset(), b.coords.to_dataset())


@pytest.mark.slow
def test_a_rollout_killed_outright_goes_on_and_ends_as_an_undisturbed_one(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run, path = make_run(small_spec), tmp_path / "killed.zarr"
    command = [sys.executable, "-m", "aurora_dash", "rollout", run.id, "--leads", "4", "--device",
               "cpu", "--runs", str(run.folder.parent), "--out", str(path)]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 120
        while _steps_on_disk(path) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    before = _steps_on_disk(path)
    assert 6 <= before < 9 * 4
    assert _roll(run, path, leads=4).steps_made == 9 * 4 - before
    _roll(run, tmp_path / "whole.zarr", leads=4)
    _assert_same(tmp_path / "whole.zarr", path)


def _steps_on_disk(path: Path) -> int:
    if not path.exists():
        return 0
    with xr.open_dataset(path, engine="zarr") as found:
        return int(found["written"].sum())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_rollout(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(small_spec)
    alive: list[int] = []
    kept = rollout_module._kept

    def counting(journey: Any, prediction: Batch) -> Any:
        gc.collect()
        alive.append(sum(type(thing) is Batch for thing in gc.get_objects()))
        return kept(journey, prediction)

    monkeypatch.setattr(rollout_module, "_kept", counting)
    peaks = {}
    for leads in (2, 2, 8):
        alive.clear()
        tracemalloc.start()
        _roll(run, tmp_path / f"{leads}-{len(peaks)}.zarr", leads=leads, max_starts=1)
        peaks[leads] = (tracemalloc.get_traced_memory()[1], max(alive))
        tracemalloc.stop()
    # The second of the two short ones counts: the first brings what is made once in a process.
    assert peaks[8][1] == peaks[2][1]
    field = 4 * 16 * 16 * (4 + 5 * 2)
    assert peaks[8][0] < peaks[2][0] + 4 * field


def test_the_time_left_follows_from_the_steps_that_were_made_here() -> None:
    clock = iter([0.0, 10.0, 20.0])
    pace = Pace(now=lambda: next(clock))
    left = [pace.seconds_left(done, 112) for done in (100, 101, 102)]
    assert left == [None, pytest.approx(110), pytest.approx(100)]


def test_the_time_left_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Line:
        def show(self, text: str) -> None:
            shown.append(text)

    left = {100: None, 101: 130.0, 102: 5.2, 112: 0.0}
    monkeypatch.setattr(Pace, "seconds_left", lambda self, done, total: left[done])
    show = with_time_left(Line())  # type: ignore[arg-type]
    for done in left:
        show(done, 112)
    assert shown == [
        "forecast step 100/112",
        "forecast step 101/112, about 2 min left",
        "forecast step 102/112, about 5 s left",
        "forecast step 112/112",
    ]
