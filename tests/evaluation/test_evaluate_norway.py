"""The whole way on real ERA5, against figures computed straight from the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.results import select_scores
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec

NAMES = {"2t": "t2m", "10u": "u10", "10v": "v10", "msl": "msl"}


def _area_weights(latitudes: xr.DataArray) -> xr.DataArray:
    """Written out once more: the sine difference across each quarter-degree row, mean 1."""
    upper, lower = np.deg2rad(latitudes + 0.125), np.deg2rad(latitudes - 0.125)
    area = np.sin(upper) - np.sin(lower)
    return area / area.mean()


def _scores(field: xr.DataArray, steps: int) -> dict[str, float]:
    """Persistence over the cropped 60 x 60 grid: the last row and column are dropped."""
    field = field.isel(latitude=slice(60), longitude=slice(60)).astype(np.float64)
    start = field.isel(valid_time=slice(1, -steps)).values
    target = field.isel(valid_time=slice(1 + steps, None))
    error = start - target
    weights = _area_weights(field.latitude)
    return {
        "rmse": float(np.sqrt((weights * error**2).mean())),
        "mae": float((weights * abs(error)).mean()),
        "bias": float((weights * error).mean()),
    }


@pytest.fixture
def norway_spec(norway_files: tuple[Path, Path]) -> RunSpec:
    return RunSpec.build(
        {
            "name": "norway",
            "model": {"variant": "small", "source": "random", "size": "tiny"},
            "data": {"source": "files", "paths": [str(path) for path in norway_files]},
        }
    )


@pytest.mark.slow
def test_persistence_equals_one_computed_straight_from_the_files(
    make_run: Any, norway_spec: RunSpec, norway_files: tuple[Path, Path], tmp_path: Path
) -> None:
    run = make_run(norway_spec)
    data = {"source": "files", "paths": [str(norway_files[0].parent / "*.nc")]}
    request = EvaluationRequest.build(
        {"run": run.id, "data": data, "device": "cpu", "leads": 2, "max_map_samples": 1}
    )
    result = evaluate(request, tmp_path / "out", store=RunStore(run.folder.parent))
    summary = result.summary
    assert summary.samples_by_lead == {6: 18, 12: 17}
    assert (summary.height, summary.width) == (60, 60)
    assert "61 x 61" in str(summary.findings) and not summary.synthetic
    assert "European Centre" in summary.attribution
    assert "modified Copernicus Climate Change Service information 2025" in summary.attribution
    assert summary.missing == ()
    # Other words for the same files: what was trained on is recognised all the same.
    assert "trained on" in " ".join(summary.warnings)
    with (
        xr.open_dataset(norway_files[0], engine="h5netcdf") as levels,
        xr.open_dataset(norway_files[1], engine="h5netcdf") as surface,
    ):
        for metric in ("rmse", "mae", "bias"):
            found = select_scores(result.scores, source="persistence", metric=metric)
            assert len(found) == (4 + 5 * 4) * 2
            for (name, level, lead), value in found.items():
                field = (
                    surface[NAMES[name]]
                    if level is None
                    else levels[name].sel(pressure_level=level)
                )
                expected = _scores(field, lead // 6)[metric]
                scale = _scores(field, lead // 6)["rmse"]
                assert value == pytest.approx(expected, rel=1e-5, abs=1e-6 * scale)
        assert result.fields_path is not None
        with open_fields(result.fields_path) as fields:
            target = fields.surf_2t.sel(source="target", sample=0, lead=6)
            expected = surface.t2m.isel(valid_time=2, latitude=slice(60), longitude=slice(60))
            np.testing.assert_array_equal(target, expected)
            assert fields.valid_time.sel(sample=0, lead=6) == surface.valid_time[2]
    model = select_scores(result.scores, source="model", metric="rmse")
    initial = select_scores(result.scores, source="initial", metric="rmse")
    assert model == initial
