"""Judged beside climatology, other runs, and forecasts of others in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.area import area_weights
from aurora_dash.data.source import open_data
from aurora_dash.errors import AuroraDashError, EvaluationError
from aurora_dash.evaluation.climatology import FileClimatology, HarmonicClimatology
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.outcome import open_table, spectrum
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import EvaluationResult, select_scores
from aurora_dash.evaluation.scorecard import scorecard, scores_where
from aurora_dash.evaluation.table import field_place
from aurora_dash.runs.store import Run, RunStore
from aurora_dash.spec import RunSpec
from tests.evaluation.scoring import make_layout

SIX_HOURS = np.timedelta64(6, "h")


def _evaluate(run: Run, folder: Path, **fields: Any) -> EvaluationResult:
    given = {"run": run.id, "device": "cpu", "initial": False, **fields}
    return evaluate(EvaluationRequest.build(given), folder, store=RunStore(run.folder.parent))


@pytest.fixture
def dataset(small_spec: RunSpec) -> xr.Dataset:
    return open_data(small_spec.data, small_spec.model.catalogue_entry).dataset


def _forecast_file(dataset: xr.Dataset, leads: int = 2, error: float = 1.0) -> xr.Dataset:
    """The truth, `error` too high at the first lead, twice that at the second, ...; WB2's names."""
    names = {"surf_2t": "2m_temperature", "atmos_t": "temperature"}
    starts = dataset.time.values[: -leads or None]
    found = {}
    for key, name in names.items():
        by_lead = [
            dataset[key].sel(time=starts + lead * SIX_HOURS).assign_coords(time=starts)
            + lead * error
            for lead in range(1, leads + 1)
        ]
        steps = xr.DataArray(
            np.arange(1, leads + 1) * SIX_HOURS.astype("m8[ns]"), dims="prediction_timedelta"
        )
        field = xr.concat(by_lead, steps.rename("prediction_timedelta")).transpose("time", ...)
        found[name] = field.assign_attrs(units="K").load()
    return xr.Dataset(found)


def _values(result: EvaluationResult, source: str, metric: str) -> dict[Any, float]:
    return select_scores(result.scores, source=source, metric=metric)


def test_forecasts_in_a_file_are_judged_at_their_valid_time_level_and_place(
    make_run: Any, small_spec: RunSpec, dataset: xr.Dataset, tmp_path: Path
) -> None:
    # From south to north, levels the other way round, and in another unit, as files come.
    file = _forecast_file(dataset).sortby("latitude").sortby("level")
    file["2m_temperature"] = (file["2m_temperature"] - 273.15).assign_attrs(units="degC")
    file.to_netcdf(tmp_path / "other.nc")
    result = _evaluate(
        make_run(small_spec),
        tmp_path / "out",
        leads=2,
        variables=["2t", "t", "msl"],
        against=[{"name": "other", "forecast": str(tmp_path / "other.nc")}],
        confidence=0.9,
    )
    for metric in ("rmse", "bias"):
        found = _values(result, "other", metric)
        assert found == pytest.approx(
            {
                (n, lv, h): h / 6
                for n, lv in (("2t", None), ("t", 850), ("t", 500))
                for h in (6, 12)
            },
            abs=1e-4,
        )
    assert "no forecast of surf_msl" in " ".join(result.summary.warnings)
    # The file's initial times end two steps early and begin with the data: all are shared.
    assert result.summary.num_samples == 7
    skill = [s for s in result.scores if s.metric == "rmse_skill" and s.reference == "other"]
    assert {s.variable for s in skill} == {"2t", "t"}
    assert all(s.value < 0 and s.significant for s in skill if s.lead_hours == 6)


def test_only_initial_times_that_a_file_has_are_judged_and_that_is_said(
    make_run: Any, small_spec: RunSpec, dataset: xr.Dataset, tmp_path: Path
) -> None:
    file = _forecast_file(dataset, leads=1).isel(time=[2, 3, 5])
    file = file.rename(time="forecast_reference_time", prediction_timedelta="forecast_period")
    file.to_zarr(tmp_path / "other.zarr")
    result = _evaluate(
        make_run(small_spec),
        tmp_path / "out",
        variables="2t",
        against=[{"name": "other", "forecast": str(tmp_path / "other.zarr")}],
    )
    assert result.summary.num_samples == 3
    assert "other has forecasts from 3 of 8 initial times" in " ".join(result.summary.warnings)


@pytest.mark.parametrize(
    ("change_file", "reason"),
    [
        (lambda f: f.assign_coords(latitude=f.latitude + 0.1), "no latitude .* it has the grid"),
        (lambda f: f.isel(level=[0]), "no level 500; it has the levels 850 hPa"),
        (lambda f: f.isel(prediction_timedelta=[0]), "no forecast of surf_2t 12 hours ahead"),
        (lambda f: f.isel(prediction_timedelta=0, drop=True), "is no forecast"),
        (lambda f: f.assign_coords(time=f.time + np.timedelta64(400, "D")), "at other times"),
        (lambda f: f.assign({n: f[n].assign_attrs(units="m") for n in f}), "can't be converted"),
        (lambda f: f.rename({n: f"x{n}" for n in f.data_vars}), "none of the scored variables"),
    ],
)
def test_forecasts_that_do_not_match_are_refused_in_words(
    make_run: Any, small_spec: RunSpec, dataset: xr.Dataset, tmp_path: Path, change_file: Any,
    reason: str,
) -> None:  # fmt: skip
    change_file(_forecast_file(dataset)).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(AuroraDashError, match=reason):
        _evaluate(
            make_run(small_spec),
            tmp_path / "out",
            leads=2,
            against=[{"name": "other", "forecast": str(tmp_path / "other.nc")}],
        )
    assert not (tmp_path / "out").exists()


def test_an_ensemble_in_a_file_has_ensemble_scores(
    make_run: Any, small_spec: RunSpec, dataset: xr.Dataset, tmp_path: Path
) -> None:
    members = [_forecast_file(dataset, 1, error) for error in (-1.0, 0.0, 2.0)]
    xr.concat(members, xr.DataArray([0, 1, 2], dims="number", name="number")).to_netcdf(
        tmp_path / "ens.nc"
    )
    result = _evaluate(
        make_run(small_spec),
        tmp_path / "out",
        variables="2t",
        measures=["rmse", "crps", "spread", "spread_skill"],
        against=[{"name": "ens", "forecast": str(tmp_path / "ens.nc")}],
    )
    at = ("2t", None, 6)
    assert _values(result, "ens", "rmse")[at] == pytest.approx(1 / 3, abs=1e-4)
    # E|X - y| = 1, E|X - X'| = 2 over members -1, 0 and 2.
    assert _values(result, "ens", "crps")[at] == pytest.approx(1 - 2 / 2, abs=1e-4)
    assert _values(result, "model", "crps")[at] > 0
    assert "spread" not in {s.metric for s in result.scores if s.source == "model"}
    shares = open_table(tmp_path / "out")["rank_frequency"].sel(source="ens").squeeze()
    assert shares.values.sum() == pytest.approx(1.0)


@pytest.mark.slow
def test_another_run_is_judged_as_it_would_be_by_itself(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    def warmer(weights: dict) -> None:
        weights["decoder.surf_heads.2t.bias"] += 1.0

    run, other = make_run(small_spec), make_run(small_spec, warmer)
    alone = _evaluate(other, tmp_path / "alone", variables=["2t"])
    both = _evaluate(
        run, tmp_path / "both", variables=["2t"], against=[{"name": "warmer", "run": other.id}]
    )
    assert both.summary.sources == ("model", "persistence", "warmer")
    assert _values(both, "warmer", "rmse") == _values(alone, "model", "rmse")


def test_a_climatology_of_the_data_is_the_mean_of_each_hour_where_there_is_no_year(
    make_run: Any, small_spec: RunSpec, dataset: xr.Dataset, tmp_path: Path
) -> None:
    result = _evaluate(
        make_run(small_spec),
        tmp_path / "out",
        variables=["2t"],
        measures=["rmse", "acc", "activity"],
        baselines=["persistence", "climatology"],
    )
    field = dataset.surf_2t.astype(float)
    normal = field.groupby("time.hour").mean("time")
    anomaly = (field.groupby("time.hour") - normal).isel(time=slice(2, None))
    weights = xr.DataArray(area_weights(dataset.latitude.values), dims="latitude")
    mean = float(np.sqrt((anomaly**2).weighted(weights).mean()))
    at = ("2t", None, 6)
    assert _values(result, "climatology", "rmse")[at] == pytest.approx(mean, rel=1e-4)
    # A climatology has no anomalies: no activity, and no correlation that could be told.
    assert _values(result, "climatology", "activity")[at] == pytest.approx(0.0, abs=1e-6)
    # What persists is a departure from what is usual when it is valid, not when it began.
    usual = field.isel(time=slice(2, None)) - anomaly
    start = field.isel(time=slice(1, -1)).values - usual
    product = (start * anomaly).weighted(weights).mean()
    norm = (start**2).weighted(weights).mean() * (anomaly**2).weighted(weights).mean()
    expected = float(product / np.sqrt(norm))
    assert _values(result, "persistence", "acc")[at] == pytest.approx(expected, rel=1e-4)
    assert "made of 10 times over 2.25 days" in " ".join(result.summary.warnings)


def test_two_harmonics_are_fitted_where_there_is_a_year() -> None:
    times = np.arange("2023-01-01", "2025-01-01", 12, dtype="M8[h]").astype("M8[ns]")
    days = (times - times.astype("M8[Y]")) / np.timedelta64(1, "D")
    hours = (times - times.astype("M8[D]")) // np.timedelta64(1, "h")
    angle = 2 * np.pi * days / 365.2425
    cycle = 280 + 10 * np.cos(angle) - 3 * np.sin(2 * angle) + np.where(hours == 12, 2.0, 0.0)
    values = cycle[:, None, None] * np.ones((1, 3, 4))
    dataset = xr.Dataset(
        {"surf_2t": (("time", "latitude", "longitude"), values.astype(np.float32))}, {"time": times}
    )
    fit = HarmonicClimatology(dataset, range(times.size), make_layout())
    for index in (0, 77, 500):
        found = fit.fields(times[index])["surf_2t"].numpy()
        np.testing.assert_allclose(found, cycle[index], rtol=1e-5)
    with pytest.raises(EvaluationError, match="no time at 06 UTC"):
        fit.fields(np.datetime64("2025-01-01T06", "ns"))


def test_a_climatology_in_weatherbench_layout_is_taken_by_day_and_hour(tmp_path: Path) -> None:
    days, hours = np.arange(1, 367), np.array([0, 6, 12, 18])
    values = (hours[:, None] + 1000 * days[None])[..., None, None] * np.ones((1, 1, 3, 4))
    layout = make_layout()
    xr.Dataset(
        {"2m_temperature": (("hour", "dayofyear", "latitude", "longitude"), values.astype("f4"))},
        {
            "hour": hours,
            "dayofyear": days,
            "latitude": layout.latitudes,
            "longitude": layout.longitudes,
        },
    ).to_zarr(tmp_path / "climatology.zarr")
    climatology = FileClimatology(tmp_path / "climatology.zarr", layout)
    for time, expected in (("2025-03-01T06", 60_006), ("2024-12-31T18", 366_018)):
        found = climatology.fields(np.datetime64(time, "ns"))["surf_2t"]
        assert (found == expected).all()
    with pytest.raises(EvaluationError, match="no climatology of hour 3"):
        climatology.fields(np.datetime64("2025-03-01T03", "ns"))


@pytest.mark.slow
def test_all_measures_at_once_are_written_and_read(
    make_run: Any, small_spec: RunSpec, tmp_path: Path
) -> None:
    result = _evaluate(
        make_run(small_spec),
        tmp_path / "out",
        leads=2,
        measures=["rmse", "correlation", "acc", "vector_rmse", "gradient_ratio", "spectral_ratio",
                  "csi", "fss"],
        thresholds={"2t": [280.0], "t": [260.0]},
        regions=["global", "tropics"],
        boxes=[{"north": 60, "south": 10, "west": 0, "east": 90}],
        by=["surface", "hour"],
        confidence=0.9,
    )  # fmt: skip
    table = open_table(tmp_path / "out")
    assert {"rmse", "power", "rmse_skill", "threshold"} <= {*table.variables}
    assert table.attrs["synthetic"] == 1
    assert table.region.values.tolist() == ["global", "tropics", "60/0/10/90"]
    place = field_place(table, "t", 850.0)
    lines = scores_where(table, "rmse", {"hour": "all"}).isel(field=place)
    expected = {k[2]: v for k, v in _values(result, "model", "rmse").items() if k[:2] == ("t", 850)}
    found = dict(zip(lines.lead.values, lines.sel(source="model").values, strict=True))
    assert found == pytest.approx(expected)
    land = {s.surface for s in result.scores if s.metric == "rmse"}
    assert land == {None, "land", "sea"}
    assert scorecard(table, "rmse", "persistence").percent.shape == (14, 2)
    assert spectrum(table, "t", 850.0, 12).sizes["wavenumber"] > 4
    with pytest.raises(EvaluationError, match="nothing was not scored"):
        spectrum(table, "nothing", None, 6)
