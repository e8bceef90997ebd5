"""Remedies and training stores: applied once, and what was filled in is known to be so."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.infill import filled_of
from aurora_dash.data.steps import StepReader, Steps
from aurora_dash.data.store.prepare import unfilled
from aurora_dash.data.workers import Workers
from aurora_dash.spec.remedies import ClipValues, ConvertUnit, DropTimes, InfillTime

KEYS = ("surf_2t", "surf_msl", "atmos_t")


@pytest.mark.slow
def test_a_store_is_read_like_its_files_with_the_same_remedies(
    month_files, spec_of, prepared, opened_dataset
) -> None:
    files = month_files()
    with xr.open_dataset(files[1]) as dataset:
        changed = dataset.load()
    changed["t2m"][1, 2, 3] = np.nan
    changed.to_netcdf(files[1])
    remedies = (
        DropTimes(times=("2020-03-01T00:00Z",)),
        ConvertUnit(variable="surf_msl", from_unit="hPa"),
        InfillTime(variable="surf_2t"),
    )
    spec = spec_of(files, remedies=remedies)
    folder = prepared(unfilled(spec)).folder
    original = opened_dataset(spec)
    stored = opened_dataset(spec_of([folder], remedies=remedies))
    assert stored.sizes["time"] == 11
    for key in stored.data_vars:
        np.testing.assert_array_equal(stored[key].values, original[key].values)
    masks = [filled_of(dataset["surf_2t"]) for dataset in (original, stored)]
    assert int(masks[0].sum()) == 1
    np.testing.assert_array_equal(masks[0].values, masks[1].values)
    # Read past xarray, as training does, it is the same.
    steps = Steps(StepReader(stored, list(KEYS), workers=Workers(1), computed={}), keep_bytes=0)
    step = steps.take([3])[3]
    for key in KEYS:
        np.testing.assert_array_equal(step[key], original[key].isel(time=3).values)
    late = (*remedies, ClipValues(variable="surf_10u", low=0.0))
    clipped = opened_dataset(spec_of([folder], remedies=late))
    steps = Steps(StepReader(clipped, ["surf_10u"], workers=Workers(1), computed={}), keep_bytes=0)
    assert steps.take([0])[0]["surf_10u"].min() == 0
    # Without the infill the gap is there again: nothing was made up on disk.
    bare = opened_dataset(spec_of([folder], remedies=remedies[:2]))
    assert int(bare["surf_2t"].isnull().sum()) == 1
