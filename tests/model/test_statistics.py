from __future__ import annotations

import json

import aurora.normalisation
import numpy as np
import pytest
import xarray as xr

from aurora_dash.errors import DataError, ModelError
from aurora_dash.model.statistics import (
    ModelStatistics,
    inherit_statistics,
    resolve_statistics,
)
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group
from aurora_dash.variants import PRESSURE_LEVELS, VARIANTS


def _dataset(**surface: np.ndarray) -> xr.Dataset:
    num_times = len(next(iter(surface.values())))
    arrays = {
        f"surf_{name}": (("time", "latitude", "longitude"), values.reshape(num_times, 1, 1))
        for name, values in surface.items()
    }
    times = np.datetime64("2025-01-01", "ns") + np.arange(num_times) * np.timedelta64(6, "h")
    return xr.Dataset(arrays, coords={"time": times, "latitude": [0.0], "longitude": [0.0]})


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_a_variants_own_variables_get_auroras_numbers(variant) -> None:
    found = ModelStatistics.for_spec(RunSpec(model=ModelSpec(variant=variant.id)))
    locations, scales = aurora.normalisation.locations, aurora.normalisation.scales
    assert set(found.surface) == {*variant.surface, *variant.static}
    assert len(found.atmospheric) == 13 * len(variant.atmospheric)
    for key, pair in {**found.surface, **found.atmospheric}.items():
        assert pair == (locations[key], scales[key])


def test_auroras_dictionaries_are_never_changed() -> None:
    before = dict(aurora.normalisation.locations), dict(aurora.normalisation.scales)
    spec = RunSpec(variables=(VariableSpec(name="tcwv", mean=-1.0, std=123.0),))
    assert ModelStatistics.for_spec(spec).of_surface("tcwv") == (-1.0, 123.0)
    assert (aurora.normalisation.locations, aurora.normalisation.scales) == before
    assert aurora.normalisation.scales["tcwv"] != 123.0


def test_statistics_can_not_be_changed_afterwards() -> None:
    found = ModelStatistics.for_spec(RunSpec())
    with pytest.raises(TypeError):
        found.surface["2t"] = (0.0, 1.0)  # type: ignore[index]


def test_one_number_of_an_atmospheric_variable_counts_for_all_levels() -> None:
    variable = VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=0.5, std=0.25)
    found = ModelStatistics.for_spec(RunSpec(variables=(variable,)))
    assert found.of_atmospheric("w", PRESSURE_LEVELS) == ([0.5] * 13, [0.25] * 13)


def test_numbers_by_level_are_found_whatever_way_the_level_is_written() -> None:
    variable = VariableSpec(
        name="w",
        group=Group.ATMOSPHERIC,
        mean={"850": 1.0, "500.0": 2.0},
        std={"850.0": 3.0, "500": 4.0},
    )
    found = ModelStatistics.for_spec(RunSpec(variables=(variable,)))
    assert found.of_atmospheric("w", (500, 850.0)) == ([2.0, 1.0], [4.0, 3.0])


def test_a_level_without_statistics_is_named() -> None:
    found = ModelStatistics.for_spec(RunSpec())
    with pytest.raises(ModelError, match="'t_975'"):
        found.of_atmospheric("t", (1000, 975))
    with pytest.raises(ModelError, match="'tcwv'"):
        found.of_surface("tcwv")


@pytest.mark.parametrize(
    ("mean", "std", "problem"),
    [
        ({"850": 1.0}, {"500": 1.0}, "different levels"),
        ({"high": 1.0}, {"high": 1.0}, "'high' is not a pressure level"),
    ],
)
def test_levels_that_make_no_sense_are_refused(mean, std, problem) -> None:
    variable = VariableSpec(name="w", group=Group.ATMOSPHERIC, mean=mean, std=std)
    with pytest.raises(ModelError, match=problem):
        ModelStatistics.for_spec(RunSpec(variables=(variable,)))


def test_missing_numbers_are_refused_without_data() -> None:
    with pytest.raises(ModelError, match="'tcwv' has no mean"):
        ModelStatistics.for_spec(RunSpec(variables=(VariableSpec(name="tcwv"),)))


@pytest.mark.parametrize("pair", [(0.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_numbers_that_can_not_normalise_are_refused(pair) -> None:
    with pytest.raises(ModelError, match="can't normalise"):
        ModelStatistics({"x": pair}, {})


def test_missing_numbers_are_measured_on_the_training_times_alone() -> None:
    values = np.array([1.0, 3.0, 1000.0])
    spec = RunSpec(variables=(VariableSpec(name="tcwv"),))
    resolved = resolve_statistics(spec, _dataset(tcwv=values), [0, 1])
    assert (resolved.variables[0].mean, resolved.variables[0].std) == (2.0, 1.0)
    # The spec itself stays as it was asked for.
    assert spec.variables[0].mean is None


def test_missing_numbers_of_an_atmospheric_variable_are_measured_by_level() -> None:
    values = np.array([[1.0, 10.0], [3.0, 30.0]]).reshape(2, 2, 1, 1)
    dataset = xr.Dataset(
        {"atmos_w": (("time", "level", "latitude", "longitude"), values)},
        coords={"level": [850.0, 500.0], "latitude": [0.0], "longitude": [0.0]},
    )
    spec = RunSpec(variables=(VariableSpec(name="w", group=Group.ATMOSPHERIC),))
    resolved = resolve_statistics(spec, dataset, None)
    assert resolved.variables[0].mean == {"850": 2.0, "500": 20.0}
    assert resolved.variables[0].std == {"850": 1.0, "500": 10.0}
    found = ModelStatistics.for_spec(spec, dataset)
    assert found.of_atmospheric("w", (500,)) == ([20.0], [10.0])


def test_given_numbers_are_not_measured_again() -> None:
    spec = RunSpec(variables=(VariableSpec(name="tcwv", mean=5.0, std=2.0),))
    assert resolve_statistics(spec, _dataset(tcwv=np.zeros(2)), None) is spec


def test_a_variable_that_never_varies_or_is_absent_is_refused() -> None:
    spec = RunSpec(variables=(VariableSpec(name="tcwv"),))
    with pytest.raises(DataError, match="'tcwv' can't be normalised"):
        resolve_statistics(spec, _dataset(tcwv=np.ones(3)), None)
    with pytest.raises(DataError, match="no surface variable 'tcwv'"):
        resolve_statistics(spec, _dataset(other=np.ones(3)), None)


def test_a_continued_run_hands_its_numbers_down() -> None:
    earlier = RunSpec(
        variables=(
            VariableSpec(name="tcwv", mean=5.0, std=2.0),
            VariableSpec(name="tp", mean=1.0, std=1.0),
        )
    )
    later = RunSpec(variables=(VariableSpec(name="tcwv"), VariableSpec(name="tp", mean=9, std=9)))
    inherited = inherit_statistics(later, earlier)
    assert [(v.mean, v.std) for v in inherited.variables] == [(5.0, 2.0), (9.0, 9.0)]


def test_statistics_survive_json() -> None:
    found = ModelStatistics.for_spec(RunSpec())
    assert ModelStatistics.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("damaged", [{}, {"surface": {"a": 1}, "atmospheric": {}}, {"surface": 0}])
def test_damaged_statistics_are_refused(damaged) -> None:
    with pytest.raises(ModelError, match="Damaged statistics"):
        ModelStatistics.from_dict(damaged)
