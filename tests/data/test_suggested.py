from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.suggested import suggest_weights
from aurora_dash.data.windows import Window
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.variables import Group


def _dataset(**fields: np.ndarray) -> xr.Dataset:
    dims = {3: ("time", "latitude", "longitude"), 4: ("time", "level", "latitude", "longitude")}
    arrays = {name: (dims[values.ndim], values) for name, values in fields.items()}
    return xr.Dataset(arrays, coords={"level": [850, 500]} if "atmos_w" in fields else {})


WINDOWS = [Window((t - 2, t - 1), (t,)) for t in range(2, 6)]


def test_the_weight_is_scale_over_persistence_error() -> None:
    rng = np.random.default_rng(0)
    rain, wind = rng.gamma(2, size=(6, 3, 4)), rng.normal(size=(6, 2, 3, 4))
    rain[3, 0, 0] = np.nan
    spec = RunSpec(
        variables=(
            VariableSpec(name="rain", transform="log", transform_offset=0.5, mean=1, std=2.0),
            VariableSpec(
                name="w",
                group=Group.ATMOSPHERIC,
                mean={"850": 0, "500": 0},
                std={"850": 3.0, "500": 0.5},
            ),
            VariableSpec(name="soil", mean=0, std=1, role="input"),
        )
    )
    dataset = _dataset(surf_rain=rain, atmos_w=wind, surf_soil=rain)
    found = {item.name: item for item in suggest_weights(spec, dataset, WINDOWS)}
    assert found.keys() == {"rain", "w"}
    logs = np.log1p(rain / 0.5)
    assert found["rain"].persistence_error == pytest.approx(
        np.nanmean(np.abs(np.diff(logs, axis=0)[1:])) / 2
    )
    steps = np.abs(np.diff(wind, axis=0)[1:]).mean(axis=(0, 2, 3))
    assert found["w"].weight == pytest.approx(1 / np.mean(steps / [3.0, 0.5]))
    assert found["w"].num_samples == 4


def test_what_never_changes_or_is_never_there_has_no_weight() -> None:
    spec = RunSpec(variables=(VariableSpec(name="rain", mean=0, std=1),))
    with pytest.raises(DataError, match="never changes"):
        suggest_weights(spec, _dataset(surf_rain=np.ones((6, 2, 2))), WINDOWS)
    with pytest.raises(DataError, match="no two values"):
        suggest_weights(spec, _dataset(surf_rain=np.full((6, 2, 2), np.nan)), WINDOWS)


def test_many_samples_are_sampled_over_the_whole_period() -> None:
    values = np.zeros((1000, 1, 1))
    values[500:] = np.arange(500)[:, None, None]
    spec = RunSpec(variables=(VariableSpec(name="rain", mean=0, std=1),))
    windows = [Window((t - 1,), (t,)) for t in range(1, 1000)]
    [found] = suggest_weights(spec, _dataset(surf_rain=values), windows)
    assert found.num_samples == 64
    assert found.persistence_error == pytest.approx(0.5, abs=0.05)
