from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.area import area_weights
from aurora_dash.data.source import open_data
from aurora_dash.errors import AuroraDashError, EvaluationError
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.histograms import HISTOGRAMS_FILE
from aurora_dash.evaluation.metrics import Score
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, read_result, select_scores
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec


def _evaluate(run: Run, folder: Path, **fields: Any) -> EvaluationResult:
    options = {name: fields.pop(name) for name in ("progress", "should_stop") if name in fields}
    request = EvaluationRequest.build({"run": run.id, "device": "cpu", **fields})
    return evaluate(request, folder, store=RunStore(run.folder.parent), **options)


def _values(scores: tuple[Score, ...], *, source: str) -> dict[tuple[Any, ...], float]:
    return {
        (s.variable, s.level, s.lead_hours, s.region, s.metric): s.value
        for s in scores
        if s.source == source
    }


def _persistence_rmse(dataset: xr.Dataset, key: str, lead_steps: int = 1) -> xr.DataArray:
    """Straight from the data with xarray's own weighting, level by level."""
    weights = xr.DataArray(area_weights(dataset.latitude.values), dims="latitude")
    field = dataset[key].astype(np.float64).load()
    target = field.isel(time=slice(1 + lead_steps, None)).drop_vars("time")
    start = field.isel(time=slice(1, -lead_steps)).drop_vars("time")
    mean = ((start - target) ** 2).weighted(weights).mean(["time", "latitude", "longitude"])
    return np.sqrt(mean)


def test_an_untrained_run_scores_as_the_checkpoint_before_fine_tuning(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _evaluate(make_run(small_spec), tmp_path / "out")
    model, initial = (_values(result.scores, source=s) for s in ("model", "initial"))
    assert model == initial
    assert all(np.isfinite(value) for value in model.values())
    # 4 surface variables and 5 on 2 levels, 3 metrics, 1 lead, 1 region.
    assert len(model) == (4 + 5 * 2) * 3


@pytest.mark.slow
def test_a_changed_checkpoint_scores_otherwise_than_the_initial(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    def change(weights: dict) -> None:
        weights["decoder.surf_heads.2t.bias"] += 1.0

    result = _evaluate(make_run(small_spec, change), tmp_path / "out")
    model, initial = (_values(result.scores, source=s) for s in ("model", "initial"))
    changed = {key for key in model if model[key] != initial[key]}
    assert changed == {key for key in model if key[0] == "2t"}
    # A bias of 1 in the head is one standard deviation of 2t everywhere.
    bias = ("2t", None, 6, "global", "bias")
    assert model[bias] - initial[bias] == pytest.approx(21.22, rel=0.05)


def test_persistence_is_that_of_the_data_at_every_lead(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _evaluate(make_run(small_spec), tmp_path / "out", leads=3, initial=False)
    rmse = select_scores(result.scores, source="persistence", metric="rmse")
    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset
    for lead in (1, 2, 3):
        for name in ("2t", "msl", "10u", "10v"):
            expected = float(_persistence_rmse(dataset, f"surf_{name}", lead))
            assert rmse[name, None, 6 * lead] == pytest.approx(expected, rel=1e-6)
        for name in "zuvtq":
            for level in (850, 500):
                by_level = _persistence_rmse(dataset, f"atmos_{name}", lead)
                expected = float(by_level.sel(level=level))
                assert rmse[name, level, 6 * lead] == pytest.approx(expected, rel=1e-6)
    assert result.summary.samples_by_lead == {6: 8, 12: 7, 18: 6}


def test_a_model_that_returns_its_target_scores_zero(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aurora_dash.data.batches import VariableNames, batch_for
    from aurora_dash.data.windows import Window
    from aurora_dash.model.normalised import OwnStatistics

    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset

    def target(module: OwnStatistics, batch: Any, lead_hours: float) -> Any:
        times = dataset.time.values
        wanted = [np.datetime64(t.replace(tzinfo=None), "ns") for t in batch.metadata.time]
        indices = np.searchsorted(times, wanted) + 1
        windows = [Window((int(i) - 1,), (int(i),)) for i in indices]
        return batch_for(dataset, windows, VariableNames.of(small_spec))[1][0]

    monkeypatch.setattr(OwnStatistics, "predict", target)
    result = _evaluate(make_run(small_spec), tmp_path / "out", initial=False, batch_size=3)
    assert set(_values(result.scores, source="model").values()) == {0.0}
    assert min(select_scores(result.scores, source="persistence", metric="rmse").values()) > 0


def test_a_forecast_for_another_time_is_refused(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aurora_dash.model.normalised import OwnStatistics

    monkeypatch.setattr(OwnStatistics, "predict", lambda module, batch, lead_hours: batch)
    with pytest.raises(EvaluationError, match="can't be compared"):
        _evaluate(make_run(small_spec), tmp_path / "out", initial=False)


@pytest.mark.slow
def test_scores_do_not_depend_on_the_batch_size(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    one, three = (
        _evaluate(run, tmp_path / str(size), batch_size=size, leads=2, initial=False)
        for size in (1, 3)
    )
    expected = _values(one.scores, source="model")
    found = _values(three.scores, source="model")
    assert found.keys() == expected.keys()
    scale = {key: expected[(*key[:4], "rmse")] for key in expected}
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-5 * scale[key])
    assert _values(one.scores, source="persistence") == pytest.approx(
        _values(three.scores, source="persistence"), rel=1e-12
    )
    with (
        xr.open_dataset(one.folder / HISTOGRAMS_FILE) as first,
        xr.open_dataset(three.folder / HISTOGRAMS_FILE) as second,
    ):
        assert first["area"].sum() > 0
        xr.testing.assert_allclose(
            first.sel(source="persistence"), second.sel(source="persistence"), rtol=1e-6
        )


@pytest.mark.slow
def test_the_first_step_of_a_rollout_is_the_single_forecast(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    request = {"initial": False, "variables": ["2t"], "max_samples": 3}
    one = _evaluate(run, tmp_path / "one", **request)
    two = _evaluate(run, tmp_path / "two", leads=2, **request)
    expected = _values(one.scores, source="model")
    found = {k: v for k, v in _values(two.scores, source="model").items() if k[2] == 6}
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_rollout_feeds_predictions_back(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    import torch

    from aurora_dash.data.batches import VariableNames, batch_for
    from aurora_dash.data.windows import Window
    from aurora_dash.model.build import build_model

    run = make_run(small_spec)
    request = {"initial": False, "leads": 2, "max_samples": 1, "max_map_samples": 1}
    result = _evaluate(run, tmp_path / "out", **request)
    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset
    inputs, _ = batch_for(dataset, [Window((0, 1), (2,))], VariableNames.of(small_spec))
    module = build_model(small_spec).module.eval()
    with torch.inference_mode():
        first = module(inputs)
        for name, values in inputs.surf_vars.items():
            inputs.surf_vars[name] = torch.cat([values[:, 1:], first.surf_vars[name]], dim=1)
        for name, values in inputs.atmos_vars.items():
            inputs.atmos_vars[name] = torch.cat([values[:, 1:], first.atmos_vars[name]], dim=1)
        inputs.metadata.time = first.metadata.time
        inputs.metadata.rollout_step = 1
        second = module(inputs)
    assert result.fields_path is not None
    with open_fields(result.fields_path) as fields:
        kept = fields.surf_2t.sel(source="model", sample=0)
        np.testing.assert_allclose(kept.sel(lead=6), first.surf_vars["2t"][0, 0], rtol=1e-6)
        np.testing.assert_allclose(kept.sel(lead=12), second.surf_vars["2t"][0, 0], rtol=1e-6)


@pytest.mark.slow
def test_only_the_validation_part_is_judged_when_asked(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec)
    parts = {
        split: _evaluate(run, tmp_path / split, split=split, initial=False, variables="2t")
        for split in ("all", "train", "validation")
    }
    # 8 samples, 30 % of them for validation: 2; those that touch its times belong to neither.
    assert {split: part.summary.num_samples for split, part in parts.items()} == {
        "all": 8,
        "train": 4,
        "validation": 2,
    }
    warned = {split for split, part in parts.items() if "trained on" in str(part.summary.warnings)}
    assert warned == {"all", "train"}
    assert parts["train"].summary.last_valid_time < parts["validation"].summary.first_valid_time


def test_what_is_written_can_be_read_and_says_what_it_is(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    run = make_run(small_spec, step=120)
    seen: list[tuple[int, int]] = []
    result = _evaluate(
        run, tmp_path / "out", max_map_samples=2, progress=lambda *at: seen.append(at)
    )
    assert read_result(tmp_path / "out") == result
    records = json.loads((tmp_path / "out" / "scores.json").read_text())
    names = {"variable", "level", "lead_hours", "region", "metric", "value", "unit", "source"}
    assert all(set(record) == names for record in records)
    assert {record["source"] for record in records} == {"model", "persistence", "initial"}
    assert {(r["variable"], r["level"], r["unit"]) for r in records} >= {
        ("2t", None, "K"),
        ("q", 850, "kg kg-1"),
    }
    assert {record["level"] for record in records} == {None, 850, 500}
    assert seen == [(done, 16) for done in range(17)]
    summary = result.summary
    assert summary.checkpoint == f"run {run.id}, step-00000120"
    assert summary.synthetic and summary.random_weights and summary.trained_on_synthetic
    assert "not real" in summary.attribution
    assert (summary.height, summary.width, summary.levels) == (16, 16, (850.0, 500.0))
    assert summary.map_samples == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "fields.nc",
        "histograms.nc",
        "scores.json",
        "scores.nc",
        "summary.json",
    ]


def test_kept_fields_are_those_that_were_scored(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _evaluate(make_run(small_spec), tmp_path / "out", max_map_samples=100)
    dataset = open_data(small_spec.data, small_spec.model.catalogue_entry).dataset
    weights = xr.DataArray(area_weights(dataset.latitude.values), dims="latitude")
    assert result.fields_path is not None
    with open_fields(result.fields_path) as fields:
        assert fields.attrs["synthetic"] == 1 and fields.attrs["random_weights"] == 1
        target = fields.atmos_t.sel(source="target", lead=6)
        np.testing.assert_array_equal(target, dataset.atmos_t.isel(time=slice(2, None)))
        np.testing.assert_array_equal(
            fields.surf_2t.sel(source="persistence", lead=6),
            dataset.surf_2t.isel(time=slice(1, -1)),
        )
        np.testing.assert_array_equal(fields.valid_time.sel(lead=6), dataset.time.values[2:])
        for source in ("model", "persistence", "initial"):
            error = fields.atmos_t.sel(source=source, lead=6).astype(float) - target
            rmse = np.sqrt((error**2).weighted(weights).mean(["sample", "latitude", "longitude"]))
            scores = select_scores(result.scores, source=source, metric="rmse")
            for level in (850, 500):
                assert scores["t", level, 6] == pytest.approx(float(rmse.sel(level=level)))


def test_too_large_fields_are_not_kept_and_that_is_said(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _evaluate(
        make_run(small_spec), tmp_path / "out", max_map_bytes=1000, max_samples=2, initial=False
    )
    assert result.fields_path is None
    assert "0 samples instead of 2" in " ".join(result.summary.warnings)


def test_it_can_be_stopped_between_forecasts_and_leaves_nothing(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    done: list[int] = []
    with pytest.raises(EvaluationError, match="stopped after 3 of 16"):
        _evaluate(
            make_run(small_spec),
            tmp_path / "out",
            progress=lambda at, total: done.append(at),
            should_stop=lambda: bool(done) and done[-1] >= 3,
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"variables": ["nonsense"]}, "does not predict 'nonsense'"),
        ({"regions": ["atlantis"]}, "no region 'atlantis'"),
        ({"checkpoint": "step-00000099"}, "no checkpoint 'step-00000099'"),
        ({"device": "cuda:9"}, "Device cuda:9 is not there"),
        ({"data": {"demo": {"height": 16, "width": 16, "levels": [850]}, "lead_hours": 12}}, "12"),
        ({"split": "validation", "data": {"validation_fraction": 0.0}}, "keeps nothing back"),
        ({"data": {"demo": {"height": 16, "width": 18, "num_times": 6}}, "leads": 0}, "leads"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(
    make_run: Any, small_spec: RunSpec, tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    run = make_run(small_spec)
    with pytest.raises(AuroraDashError, match=reason):
        _evaluate(run, tmp_path / "out", **fields)
    assert not (tmp_path / "out").exists()
