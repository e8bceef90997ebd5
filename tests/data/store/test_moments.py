"""Statistics from the ledger are those of the fields, for any times, without reading one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dash.data.statistics import Moments
from aurora_dash.data.store.ledger import merge_moments
from aurora_dash.data.store.moments import stored_statistics
from aurora_dash.model.statistics import resolve_statistics
from aurora_dash.spec import RunSpec, VariableSpec


def test_they_are_exact_to_a_millionth_for_any_times(spec_of, prepared, opened_dataset) -> None:
    original = opened_dataset(spec_of())
    stored = opened_dataset(spec_of([prepared(spec_of()).folder]))
    times = [0, 3, 4, 9]
    for key in ("surf_msl", "atmos_q"):
        found = stored_statistics(stored, key, time_indices=times)
        assert found is not None
        values = original[key].isel(time=times).values.astype(np.float64)
        layers = values[:, None] if values.ndim == 3 else values
        for position, moments in enumerate(found.values()):
            layer = layers[:, position]
            assert moments.mean == pytest.approx(layer.mean(), rel=1e-9)
            assert moments.std == pytest.approx(layer.std(), rel=1e-6)
            assert moments.count == layer.size


def test_no_field_is_read_for_them_and_levels_follow_the_data(
    spec_of, prepared, opened_dataset
) -> None:
    folder = prepared(spec_of()).folder
    stored = opened_dataset(spec_of([folder], levels=(500.0,)))
    shutil.rmtree(folder / "atmos_t")
    found = stored_statistics(stored, "atmos_t")
    assert found is not None
    assert list(found) == ["t_500"]


def test_a_part_of_the_grid_or_another_transform_has_none(
    spec_of, prepared, opened_dataset
) -> None:
    stored = opened_dataset(spec_of([prepared(spec_of()).folder]))
    assert stored_statistics(stored, "surf_2t", transform=("sqrt", None)) is None
    assert stored_statistics(stored.isel(latitude=slice(8)), "surf_2t") is None
    assert stored_statistics(stored, "static_lsm") is None
    assert stored_statistics(opened_dataset(spec_of()), "surf_2t") is None


@pytest.mark.parametrize("transform", ["none", "log"])
def test_a_run_on_the_store_gets_the_numbers_of_its_training_times(
    spec_of, prepared, opened_dataset, transform
) -> None:
    water = VariableSpec(
        name="tcwv", group="surface", unit="kg m**-2", long_name="Water", transform=transform,
        transform_offset=2.0 if transform == "log" else None,
    )  # fmt: skip
    spec = RunSpec(data=spec_of().data, variables=(water,))
    folder = prepared(spec).folder
    on_store = spec.replace(data=spec_of([folder]).data)
    original = opened_dataset(spec)["surf_tcwv"].isel(time=[1, 2, 3]).values.astype(np.float64)
    dataset = opened_dataset(on_store)
    shutil.rmtree(folder / "surf_tcwv")
    (resolved,) = resolve_statistics(on_store, dataset, [1, 2, 3]).variables
    expected = np.log1p(original / 2.0) if transform == "log" else original
    assert resolved.mean == pytest.approx(expected.mean(), rel=1e-9)
    assert resolved.std == pytest.approx(expected.std(), rel=1e-6)


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=0, max_size=6), min_size=1, max_size=8),
    st.floats(-1e7, 1e7),
)
def test_merging_is_the_same_as_taking_all_values_at_once(parts, offset) -> None:
    shifted = [np.array(part) + offset for part in parts]
    table = [Moments.of(part) for part in shifted]
    rows = np.array([[(m.mean, m.std, m.count, m.num_missing)] for m in table])
    (merged,) = merge_moments(rows)
    values = np.concatenate(shifted)
    assert merged.count == values.size
    if values.size:
        assert merged.mean == pytest.approx(values.mean(), rel=1e-12, abs=1e-7)
        assert merged.std == pytest.approx(values.std(), rel=1e-6, abs=1e-6)
    else:
        assert np.isnan(merged.mean)
