"""Odd data and other models: gaps, missing values, new variables, every variant, files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.source import open_data
from aurora_dash.errors import AuroraDashError, EvaluationError
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, select_scores
from aurora_dash.evaluation.sources import Subject
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec


def _evaluate(run: Run, folder: Path, **fields: Any) -> EvaluationResult:
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", "initial": False, **fields})
    return evaluate(request, folder, store=RunStore(run.folder.parent))


@pytest.fixture
def demo(small_spec: RunSpec) -> xr.Dataset:
    return open_data(small_spec.data, small_spec.model.catalogue_entry).dataset.load()


def _file(dataset: xr.Dataset, path: Path) -> dict[str, Any]:
    dataset.to_netcdf(path)
    return {"source": "files", "paths": [str(path)]}


@pytest.mark.slow
def test_values_missing_from_a_target_are_left_out_and_counted(
    make_run: Any, small_spec: RunSpec, demo: xr.Dataset, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    whole = _evaluate(run, tmp_path / "whole", data=_file(demo, tmp_path / "whole.nc"))
    # The last time is a target only, never an input.
    demo.surf_2t[-1, :8] = np.nan
    data = _file(demo, tmp_path / "holes.nc")
    holes = _evaluate(run, tmp_path / "holes", data=data, max_map_samples=100)
    assert [(r["variable"], r["target_missing"], r["forecast_missing"], r["points"])
            for r in holes.summary.missing] == [("2t", 8 * 16, 0, (8 * 16 - 8) * 16)]  # fmt: skip
    for source in ("model", "persistence"):
        full = select_scores(whole.scores, source=source, metric="rmse")
        part = select_scores(holes.scores, source=source, metric="rmse")
        changed = {key for key in full if full[key] != part[key]}
        assert changed == {("2t", None, 6)}
    # Persistence by hand, the missing values skipped with their weights.
    error = (demo.surf_2t[1:-1].values - demo.surf_2t[2:].values).astype(float)
    weights = np.broadcast_to(_row_weights(demo)[:, None], error.shape)
    expected = np.sqrt(np.nansum(weights * error**2) / weights[np.isfinite(error)].sum())
    assert part["2t", None, 6] == pytest.approx(expected, rel=1e-6)


def _row_weights(dataset: xr.Dataset) -> np.ndarray:
    from aurora_dash.data.area import area_weights

    return area_weights(dataset.latitude.values)


def test_a_value_missing_from_an_input_spoils_its_forecast_and_that_is_said(
    make_run: Any, small_spec: RunSpec, demo: xr.Dataset, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    demo.surf_msl[0, 3, 3] = np.nan
    result = _evaluate(run, tmp_path / "out", data=_file(demo, tmp_path / "hole.nc"))
    assert "missing or not finite" in " ".join(result.summary.warnings)
    lost = {(r["variable"], r["level"]): r["forecast_missing"] for r in result.summary.missing}
    assert lost["2t", None] == 16 * 16 and lost["t", 850.0] == 16 * 16
    # Persistence is judged on the same seven samples as the model.
    error = (demo.surf_2t[2:-1].values - demo.surf_2t[3:].values).astype(float)
    expected = np.sqrt((_row_weights(demo)[:, None] * error**2).mean())
    rmse = select_scores(result.scores, source="persistence", metric="rmse")
    assert rmse["2t", None, 6] == pytest.approx(expected, rel=1e-6)


def test_a_target_of_which_nothing_is_there_is_an_error(
    make_run: Any, small_spec: RunSpec, demo: xr.Dataset, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    data = _file(demo.where(demo.time < demo.time[2]), tmp_path / "empty.nc")
    with pytest.raises(AuroraDashError, match="Nothing of 2t"):
        _evaluate(run, tmp_path / "out", data=data)
    assert not (tmp_path / "out").exists()


def test_data_that_the_model_can_not_take_is_refused_before_any_weights_are_loaded(
    make_run: Any,
    small_spec: RunSpec,
    demo: xr.Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(small_spec)
    data = _file(demo.drop_vars("surf_msl"), tmp_path / "less.nc")
    monkeypatch.delattr(Subject, "load")
    with pytest.raises(EvaluationError, match="msl"):
        _evaluate(run, tmp_path / "out", data=data)
    surface_only = demo[[key for key in demo if not str(key).startswith("atmos_")]]
    with pytest.raises(EvaluationError, match="surface-only"):
        _evaluate(run, tmp_path / "out", data=_file(surface_only, tmp_path / "surface.nc"))


def test_a_gap_in_the_times_loses_the_samples_that_reach_across_it(
    make_run: Any, small_spec: RunSpec, demo: xr.Dataset, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    data = _file(demo.isel(time=[0, 1, 2, 3, 5, 6, 7, 8]), tmp_path / "gap.nc")
    result = _evaluate(run, tmp_path / "out", data=data, leads=2)
    # Without the fifth of nine times: inputs (0, 1), (1, 2), (2, 3), (5, 6), (6, 7).
    assert result.summary.samples_by_lead == {6: 2 + 2, 12: 1 + 1 + 1}


def test_new_variables_are_scored_in_their_unit(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    new = [
        {"name": "tcwv", "group": "surface", "unit": "kg m-2", "mean": 18.0, "std": 16.0},
        {"name": "w", "group": "atmospheric", "unit": "Pa s-1", "mean": 0.0, "std": 0.2},
        {"name": "sdor", "group": "static", "unit": "m", "mean": 20.0, "std": 60.0},
    ]
    spec = small_spec.replace(variables=new)
    result = _evaluate(make_run(spec), tmp_path / "out", initial=True)
    units = {s.variable: s.unit for s in result.scores}
    assert (units["tcwv"], units["w"], units.get("sdor")) == ("kg m-2", "Pa s-1", None)
    rmse = select_scores(result.scores, source="model", metric="rmse")
    assert rmse == select_scores(result.scores, source="initial", metric="rmse")
    assert {("tcwv", None, 6), ("w", 850.0, 6), ("w", 500.0, 6)} <= set(rmse)


@pytest.mark.parametrize(
    ("variant", "patch", "step", "names"),
    [
        ("0.4-air-pollution", 3, 12, ["pm10", "so2"]),
        ("0.25-wave", 4, 6, ["swh", "mwd", "10u_wave"]),
        ("v1.5", 4, 6, ["tcwv", "i10fg", "scaled_tp_1h"]),
        ("v1.5-ensemble", 4, 6, ["2t"]),
    ],
)
def test_other_variants_are_rolled_out_and_equal_their_initial(
    make_run: Any, tmp_path: Path, variant: str, patch: int, step: int, names: list[str]
) -> None:
    side = 16 + 16 % patch
    demo = {"height": side, "width": side, "levels": [850, 500], "num_times": 6}
    model = {"variant": variant, "source": "random", "size": "tiny"}
    run = make_run(RunSpec.build({"model": model, "data": {"demo": demo}}))
    result = _evaluate(run, tmp_path / "out", initial=True, leads=2, max_samples=2)
    values = {
        source: select_scores(result.scores, source=source, metric="rmse")
        for source in ("model", "initial", "persistence")
    }
    assert values["model"] == values["initial"]
    assert {(name, lead) for name, _, lead in values["model"]} >= {
        (name, lead) for name in names for lead in (step, 2 * step)
    }
    assert all(np.isfinite(list(found.values())).all() for found in values.values())
    # Insolation is computed, not forecast: it would score a perfect zero.
    assert "insolation" not in {score.variable for score in result.scores}


@pytest.mark.slow
def test_the_zone_of_the_machine_changes_nothing(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(small_spec)
    scores = []
    for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        scores.append(_evaluate(run, tmp_path / zone.replace("/", "-"), max_samples=3).scores)
    monkeypatch.undo()
    time.tzset()
    assert scores[0] == scores[1] == scores[2]


def test_regions_and_variables_can_be_chosen(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _evaluate(
        make_run(small_spec),
        tmp_path / "out",
        regions=["global", "tropics"],
        variables=["t", "msl"],
        max_samples=2,
    )
    assert {score.variable for score in result.scores} == {"t", "msl"}
    parts = {
        region: select_scores(result.scores, source="model", metric="rmse", region=region)
        for region in ("global", "tropics")
    }
    assert parts["global"].keys() == parts["tropics"].keys()
    assert parts["global"] != parts["tropics"]
