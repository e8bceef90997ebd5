"""Every variant's forecasts, scores and maps are in physical units, under the variables' names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aurora.normalisation import locations, scales

from aurora_dash.data.source import open_data
from aurora_dash.evaluation.evaluate import evaluate
from aurora_dash.evaluation.fields import open_fields
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.evaluation.sought import Sought
from aurora_dash.evaluation.sources import CheckpointRef
from aurora_dash.evaluation.visualize import visualize
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import RunSpec
from aurora_dash.variables import Group, describe
from aurora_dash.variants import VARIANTS, Variant

# Log-transformed ones are normalised as log(x + eps) - log(eps).
_LOG_EPS = 1e-3


def _normalised(name: str, level: int | None, values: np.ndarray) -> np.ndarray:
    key = name if level is None else f"{name}_{level}"
    if name.startswith("scaled_"):
        values = np.log(values + _LOG_EPS) - np.log(_LOG_EPS)
    return (values - locations[key]) / scales[key]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_fields_and_scores_are_physical(make_run: Any, tmp_path: Path, variant: Variant) -> None:
    side = {10: 40, 3: 18}.get(variant.patch_size, 16)
    demo = {"height": side, "width": side, "levels": [850, 500], "num_times": 6}
    spec = RunSpec.build({"model": {"variant": variant.id}, "data": {"demo": demo}})
    run = make_run(spec)
    request = EvaluationRequest.build(
        {"run": run.id, "device": "cpu", "initial": False, "max_samples": 1}
    )
    result = evaluate(request, tmp_path / "out", store=RunStore(run.folder.parent))
    data = open_data(spec.data, variant).dataset
    predicted = {f"surf_{name}" for name in variant.surface if name not in variant.computed}
    predicted |= {f"atmos_{name}" for name in variant.atmospheric}
    with open_fields(tmp_path / "out" / "fields.nc") as fields:
        # Nothing of what the model works with inside: sines, cosines, densities, differences.
        assert set(fields.data_vars) == predicted
        when = fields.valid_time.values[0, 0]
        for key in sorted(predicted):
            target = fields[key].sel(source="target").values[0, 0]
            np.testing.assert_allclose(target, data[key].sel(time=when).values, rtol=1e-6)
            _assert_physical(key, fields[key].sel(source="model").values[0, 0], (850, 500))
    for score in result.scores:
        group = Group.SURFACE if score.level is None else Group.ATMOSPHERIC
        variable = describe(score.variable, group)
        assert score.unit == variable.unit
        if variable.circular and score.metric in ("rmse", "mae"):
            assert score.value <= 180, "angles are compared around the circle"


def _assert_physical(key: str, values: np.ndarray, levels: tuple[int, ...]) -> None:
    """Within a few standard deviations of what the variable is on Earth, and possible."""
    group, _, name = key.partition("_")
    present = values[np.isfinite(values)]
    assert present.size, key
    if group == "surf" and describe(name, Group.SURFACE).circular:
        assert present.min() >= 0, key
        assert present.max() < 360, key
        return
    for index, level in enumerate(levels if group == "atmos" else (None,)):
        one = values if level is None else values[index]
        assert np.nanmax(np.abs(_normalised(name, level, one))) < 12, (key, level)


def test_a_map_of_a_wave_direction_is_drawn_in_degrees(make_run: Any, tmp_path: Path) -> None:
    demo = {"height": 16, "width": 16, "levels": [850, 500], "num_times": 6}
    run = make_run(RunSpec.build({"model": {"variant": "0.25-wave"}, "data": {"demo": demo}}))
    output = tmp_path / "mwd.svg"
    ref = CheckpointRef(run=run, checkpoint="best")
    picture = visualize(ref, None, Sought(var="mwd"), output=output, device="cpu")
    assert picture.unit == "degrees"
    assert 0 < picture.rmse["model"] <= 180
