"""Every option of ``evaluate`` and ``rollout`` does what it says, on real ERA5 of a small window.

What is expected is worked out from the files with xarray and numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from aurora_dash.model.build import build_model
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.training.checkpoints import CheckpointStore
from aurora_dash.training.snapshot import Snapshot

pytestmark = pytest.mark.slow

WINDOW = {"north": 66, "south": 62, "west": 8, "east": 12}
CLIMATE = {"2m_temperature": 281.0, "mean_sea_level_pressure": 101_000.0}


def _saved(store: RunStore, spec: RunSpec) -> Run:
    """A run with its untrained weights as checkpoint; those that begin as zeros, by which noise
    would change nothing, are drawn."""
    run = store.create(spec)
    model = build_model(spec, store=store)
    generator = torch.Generator().manual_seed(0)
    for value in model.module.parameters():
        if not value.any():
            value.data.normal_(std=0.05, generator=generator)
    snapshot = Snapshot(
        step=0,
        epoch=0.0,
        weights=model.state_dict(),
        optimiser={},
        statistics=model.statistics,
        device="cpu",
        threads=1,
    )
    CheckpointStore(run).save(snapshot, best=True)
    return run


@pytest.fixture
def norway(store: RunStore, norway_files: tuple[Path, Path]) -> Run:
    data = {"source": "files", "paths": [str(path) for path in norway_files], "region": WINDOW}
    return _saved(store, RunSpec.build({"name": "norway", "data": data}))


class Truth:
    """2 m temperature and the mask of the window's 16 x 16 points, straight from the file."""

    def __init__(self, path: Path) -> None:
        with xr.open_dataset(path, engine="h5netcdf") as file:
            window = file.sel(latitude=slice(66, 62.25), longitude=slice(8, 11.75)).load()
        self.t2m = window.t2m.astype(float)
        self.is_land = window.lsm.isel(valid_time=0) > 0.5

    @cached_property
    def weights(self) -> xr.DataArray:
        edges = np.deg2rad([self.t2m.latitude + 0.125, self.t2m.latitude - 0.125])
        return xr.DataArray(np.sin(edges[0]) - np.sin(edges[1]), dims="latitude")

    def pairs(self, steps: int, count: int = 8) -> tuple[xr.DataArray, xr.DataArray]:
        """Persistence of the first forecasts and what came true, at the valid times."""
        target = self.t2m.isel(valid_time=slice(1 + steps, 1 + steps + count))
        return self.t2m.isel(valid_time=slice(1, 1 + count)).assign_coords(
            valid_time=target.valid_time
        ), target

    def rmse(self, steps: int, where: Any = True, when: Any = slice(None)) -> float:
        start, target = self.pairs(steps)
        error = ((start - target) ** 2).isel(valid_time=when).where(where)
        return float(np.sqrt(error.weighted(self.weights).mean()))


def _one(records: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The record of these labels; labels that are not named don't apply."""
    labels = ("surface", "hour", "season", "threshold", "neighbourhood", "reference")
    wanted = {**dict.fromkeys(labels), "region": "global", "variable": "2t", **wanted}
    [found] = [r for r in records if all(r.get(k) == v for k, v in wanted.items())]
    return found


@pytest.fixture
def files(
    cli: Callable[..., Any], norway: Run, store: RunStore, tmp_path: Path
) -> tuple[Path, Path]:
    """A climatology of constants, and the run's own forecasts as if another model's."""
    axes = {"hour": [0, 6, 12, 18], "dayofyear": np.arange(1, 367)}
    axes |= {"latitude": 66 - 0.25 * np.arange(16), "longitude": 8 + 0.25 * np.arange(16)}
    shape = tuple(len(values) for values in axes.values())
    climate = {name: (tuple(axes), np.full(shape, value, "f4")) for name, value in CLIMATE.items()}
    xr.Dataset(climate, axes).to_netcdf(tmp_path / "climate.nc")
    rolled = tmp_path / "rolled.nc"
    made = cli("rollout", norway.id, "--runs", store.root, "--leads", 2, "--out", rolled)
    assert made.code == 0, made.err
    return tmp_path / "climate.nc", rolled


def test_each_option_of_evaluate_has_its_effect(
    cli: Callable[..., Any],
    norway: Run,
    store: RunStore,
    files: tuple[Path, Path],
    norway_files: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    climate, rolled = files
    common = (
        *("evaluate", norway.id, "--runs", store.root, "--no-initial", "--json"),
        *("--variables", "2t", "msl", "--max-samples", 8, "--measures", "rmse"),
    )
    outcome = cli(
        *common,
        *("csi", "fss", "--thresholds", "2t=281,284", "--neighbourhoods", 3, 5),
        *("--leads", 2, "--box", 65, 9, 63, 11, "--region", "global", "europe"),
        *("--by", "hour", "surface", "season", "--confidence", 0.9, "--bootstrap-block", 3),
        *("--baseline", "persistence", "--baseline", "climatology", "--climatology", climate),
        *("--against", f"theirs={rolled}", "--against", f"same={norway.id}@last"),
        *("--batch-size", 3, "--split", "all", "--out", tmp_path / "out"),
    )
    assert outcome.code == 0, outcome.err
    records, truth = outcome.document, Truth(norway_files[1])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["num_samples"] == 8
    assert {r["variable"] for r in records} == {"2t", "msl"}
    assert {r["lead_hours"] for r in records} == {6, 12}
    assert {r["source"] for r in records} == {
        *("model", "persistence", "climatology", "theirs", "same")
    }

    def rmse(**labels: Any) -> float:
        return float(_one(records, metric="rmse", source="persistence", **labels)["value"])

    t2m = truth.t2m
    in_box = (abs(t2m.latitude - 64) <= 1) & (abs(t2m.longitude - 10) <= 1)
    at_noon = truth.pairs(1)[1].valid_time.dt.hour.values == 12
    for lead in (6, 12):
        assert rmse(lead_hours=lead) == pytest.approx(truth.rmse(lead // 6), rel=1e-6)
    assert rmse(lead_hours=6, region="65/9/63/11") == pytest.approx(truth.rmse(1, in_box), rel=1e-6)
    assert rmse(lead_hours=6, region="europe") == rmse(lead_hours=6)
    assert rmse(lead_hours=6, season="JJA") == rmse(lead_hours=6)
    assert rmse(lead_hours=6, hour="12") == pytest.approx(truth.rmse(1, when=at_noon), rel=1e-6)
    for surface, where in (("land", truth.is_land), ("sea", ~truth.is_land)):
        assert rmse(lead_hours=6, surface=surface) == pytest.approx(truth.rmse(1, where), rel=1e-6)
    _events_are_counted_and_climate_is_read(records, truth)
    _own_forecasts_score_alike(records)
    _intervals_follow_the_block(cli(*common, "--confidence", 0.9, "--bootstrap-block", 1), records)


def _events_are_counted_and_climate_is_read(records: list[dict[str, Any]], truth: Truth) -> None:
    start, target = truth.pairs(1)
    for threshold in (281.0, 284.0):
        hit = ((start >= threshold) & (target >= threshold)).weighted(truth.weights).mean()
        either = ((start >= threshold) | (target >= threshold)).weighted(truth.weights).mean()
        found = _one(records, metric="csi", source="persistence", threshold=threshold, lead_hours=6)
        assert found["value"] == pytest.approx(float(hit / either), rel=1e-6)
    widths = {r["neighbourhood"] for r in records if r["metric"] == "fss"}
    assert widths == {3, 5}
    error = ((target - CLIMATE["2m_temperature"]) ** 2).weighted(truth.weights).mean()
    found = _one(records, metric="rmse", source="climatology", lead_hours=6)
    assert found["value"] == pytest.approx(float(np.sqrt(error)), rel=1e-6)


def _own_forecasts_score_alike(records: list[dict[str, Any]]) -> None:
    """From a file, and from the same checkpoint by another name."""
    for lead in (6, 12):
        model, theirs, same = (
            _one(records, metric="rmse", source=source, lead_hours=lead)["value"]
            for source in ("model", "theirs", "same")
        )
        assert theirs == pytest.approx(model, rel=1e-5)
        assert same == model


def _intervals_follow_the_block(outcome: Any, records: list[dict[str, Any]]) -> None:
    """The same skill, with another interval; and scores that don't ask how many went together."""
    assert outcome.code == 0, outcome.err
    of = {"metric": "rmse_skill", "reference": "persistence", "lead_hours": 6}
    alone, blocks = _one(outcome.document, **of), _one(records, **of)
    assert alone["value"] == pytest.approx(blocks["value"], rel=1e-5)
    assert (alone["low"], alone["high"]) != (blocks["low"], blocks["high"])
    assert blocks["low"] <= blocks["value"] <= blocks["high"]


def test_each_option_of_rollout_has_its_effect(
    cli: Callable[..., Any], norway: Run, store: RunStore, tmp_path: Path
) -> None:
    path = tmp_path / "f.zarr"
    outcome = cli(
        *("rollout", norway.id, "--runs", store.root, "--out", path, "--json", "--leads", 3),
        *("--every", 12, "--max-starts", 2),
        *("--variables", "2t", "z"),
    )
    assert outcome.code == 0, outcome.err
    assert outcome.document["starts"] == ["2025-06-01T06:00Z", "2025-06-01T18:00Z"]
    assert outcome.document["lead_hours"] == [6, 12, 18]
    with xr.open_dataset(path) as found:
        assert {"t2m", "z"} <= {*found.data_vars}
        assert {"msl", "q"}.isdisjoint(found.data_vars)
        assert found.t2m.shape == (2, 3, 16, 16)
        assert str(found.valid_time.values[1, 2]) == "2025-06-02T12:00:00.000000000"
    one = cli(
        *("rollout", norway.id, "--runs", store.root, "--out", tmp_path / "one.nc", "--json"),
        *("--start", "2025-06-02T06:00"),
    )
    assert one.document["starts"] == ["2025-06-02T06:00Z"]


def test_members_of_a_stochastic_model_spread_and_of_another_are_refused(
    cli: Callable[..., Any], store: RunStore, norway: Run, tmp_path: Path
) -> None:
    demo = {"height": 16, "width": 16, "levels": [850, 500], "num_times": 6}
    spec = RunSpec.build({"model": {"variant": "v1.5-ensemble"}, "data": {"demo": demo}})
    run = _saved(store, spec)
    common = ("--runs", store.root, "--no-initial", "--variables", "2t", "--max-samples", 2)
    measures = ("--measures", "rmse", "mae", "crps", "spread", "spread_skill")
    ensemble = cli("evaluate", run.id, *common, *measures, "--members", 3, "--json")
    assert ensemble.code == 0, ensemble.err
    values = {r["metric"]: r["value"] for r in ensemble.document if r["source"] == "model"}
    assert values["spread"] > 0
    # (M + 1) / M of the variance against the error of the mean (Fortin et al. 2014).
    expected = np.sqrt(4 / 3) * values["spread"] / values["rmse"]
    assert values["spread_skill"] == pytest.approx(expected)
    alone = cli("evaluate", run.id, *common, "--measures", "rmse", "crps", "mae", "--json")
    single = {r["metric"]: r["value"] for r in alone.document if r["source"] == "model"}
    assert single["crps"] == pytest.approx(single["mae"])
    assert values["crps"] < single["crps"]
    for arguments in (("--members", 3), ("--measures", "spread")):
        refused = cli("evaluate", norway.id, *common, *arguments)
        assert refused.code == 2, refused.out
