from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.maps.forecasts import At, Forecasts
from aurora_dash.evaluation.maps.opening import of_evaluation, of_stored, stored_forecasts
from aurora_dash.evaluation.results import FIELDS_FILE
from aurora_dash.runs.store import RunStore
from tests.evaluation.maps.known import KEYS, SPEC, make_result, make_stored, make_truth, value

SURFACE = At(key="surf_2t", level=None, sample=1, lead_hours=6)
ALOFT = At(key="atmos_t", level=500.0, sample=0, lead_hours=12)


def test_the_fields_of_an_evaluation_are_those_of_its_file(kept: Forecasts) -> None:
    for at in (SURFACE, ALOFT):
        where = (at.key, at.sample, at.lead_hours, at.level)
        for source in ("model", "initial"):
            np.testing.assert_array_equal(kept.forecast(at, source), value(source, *where))
        np.testing.assert_array_equal(kept.target(at), value("target", *where))
        np.testing.assert_array_equal(kept.start(at), value("persistence", *where))
    assert kept.sources == ("model", "persistence", "initial")
    assert (kept.lead_hours, kept.levels("atmos_t"), kept.levels("surf_2t")) == (
        (6, 12), (850, 500), (),
    )  # fmt: skip
    assert kept.labels == ("synthetic data",)
    scene = kept.scene(ALOFT)
    assert (scene.title, scene.subtitle, scene.attribution) == (
        "Temperature at 500 hPa [K]",
        "valid 2025-01-01 12:00 UTC, +12 h",
        "made for a test",
    )


def test_what_is_not_there_is_none(kept: Forecasts) -> None:
    after_the_data = At(key="surf_2t", level=None, sample=1, lead_hours=12)
    assert kept.target(after_the_data) is None
    assert kept.forecast(after_the_data) is not None
    assert kept.forecast(At(key="atmos_t", level=700.0, sample=0, lead_hours=6)) is None


def test_a_stored_forecast_is_read_alike_and_finds_its_truth_in_the_data(
    stored: Forecasts,
) -> None:
    assert set(stored.variables) == set(KEYS)
    assert (stored.sources, stored.lead_hours) == (("model",), (6, 12, 18))
    assert stored.name == "run b, step-00000009"
    assert stored.labels == ("synthetic data", "random weights")
    assert stored.variables["surf_2t"].unit == "K"
    np.testing.assert_array_equal(stored.forecast(SURFACE), value("model", "surf_2t", 1, 6))
    np.testing.assert_array_equal(stored.forecast(ALOFT), value("model", "atmos_t", 0, 12, 500))
    # Sample 1 begins at 6 and is for 12.
    assert np.unique(stored.start(SURFACE)) == 6
    assert np.unique(stored.target(SURFACE)) == 12
    assert stored.target(At(key="surf_2t", level=None, sample=1, lead_hours=18)) is None
    assert stored.target(ALOFT) is None, "the data has no temperature aloft"


def test_the_wind_over_waves_is_that_of_its_speed_and_direction(tmp_path: Path) -> None:
    """As the wave model would have it: a wind of 10 m/s from the east blows to the west."""
    truth = make_truth().rename(surf_2t="surf_wind")
    truth["surf_wind"][:] = 10.0
    truth["surf_dwi"] = xr.full_like(truth["surf_wind"], 90.0)
    with of_stored(make_stored(tmp_path / "forecast.zarr"), truth) as forecasts:
        u, v = (
            forecasts.target(At(key=key, level=None, sample=0, lead_hours=6))
            for key in ("surf_10u_wave", "surf_10v_wave")
        )
    np.testing.assert_allclose(u, -10, atol=1e-5)
    np.testing.assert_allclose(v, 0, atol=1e-5)


def test_truth_on_another_grid_is_none(tmp_path: Path) -> None:
    path = make_stored(tmp_path / "forecast.zarr")
    with of_stored(path, make_truth().isel(latitude=slice(1, None))) as forecasts:
        assert forecasts.target(SURFACE) is None


def test_only_the_field_that_is_asked_for_is_read(
    stored: Forecasts, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    compute = xr.Variable.compute

    def watched(variable: xr.Variable, **how: object) -> xr.Variable:
        shapes.append(variable.shape)
        return compute(variable, **how)

    monkeypatch.setattr(xr.Variable, "compute", watched)
    stored.forecast(ALOFT)
    assert shapes == [(3, 4)]


def test_an_evaluation_without_fields_says_so(tmp_path: Path) -> None:
    result = make_result(tmp_path)
    (tmp_path / FIELDS_FILE).unlink()
    with pytest.raises(EvaluationError, match="scores only"):
        of_evaluation(result, SPEC)


@pytest.mark.parametrize("name", ["scores.nc", "words.nc", "none.zarr"])
def test_other_files_are_refused_by_name(tmp_path: Path, name: str) -> None:
    xr.Dataset({"t2m": ("time", [1.0])}).to_netcdf(tmp_path / "scores.nc")
    (tmp_path / "words.nc").write_text("no NetCDF")
    (tmp_path / "none.zarr").mkdir()
    with pytest.raises(EvaluationError, match=name):
        of_stored(tmp_path / name)


def test_a_runs_forecasts_are_found(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create(SPEC)
    assert stored_forecasts(run) == ()
    folder = run.folder / "forecasts"
    folder.mkdir()
    made = [make_stored(folder / name) for name in ("a.zarr", "b.nc")]
    (folder / ".a.part.zarr").mkdir()
    (folder / "notes.txt").write_text("not one")
    assert sorted(stored_forecasts(run)) == made
