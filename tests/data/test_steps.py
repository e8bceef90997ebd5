"""Time steps are the data set's, whatever they are read from, and each is read once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aurora_dash.data import steps as steps_module
from aurora_dash.data.source import open_data
from aurora_dash.data.steps import StepReader, Steps
from aurora_dash.data.store.prepare import prepare
from aurora_dash.data.store.store import TrainingStore
from aurora_dash.data.workers import Workers
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec, DemoSpec, Region, RunSpec

KEYS = ["surf_2t", "atmos_q"]


@pytest.fixture(autouse=True)
def _as_if_fields_were_large(monkeypatch: pytest.MonkeyPatch) -> None:
    # One thread reads those that are as small as these.
    monkeypatch.setattr(steps_module, "_SMALL_BYTES", 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose times were added in two parts, the later ones first."""
    folder = tmp_path_factory.mktemp("steps") / "store"
    demo = DemoSpec(height=16, width=24, levels=(1000, 850, 500), num_times=8)
    for start in ("2020-03-02", None):
        spec = RunSpec(data=DataSpec(demo=demo, start=start))
        opened = open_data(spec.data, spec.model.catalogue_entry)
        prepare(opened, spec, folder)
    return folder


def _dataset(store: Path, **changes: object):
    spec = RunSpec(data=DataSpec(source="files", paths=(str(store),), **changes))
    return open_data(spec.data, spec.model.catalogue_entry).dataset


def _steps(dataset, *, keep_steps: int = 3, workers: int = 1) -> Steps:
    reader = StepReader(dataset, KEYS, workers=Workers(workers), computed={})
    return Steps(reader, keep_bytes=0, keep_steps=keep_steps)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start": "2020-03-01T12:00", "levels": (500.0, 1000.0)},
        {"region": Region(north=60, south=-30, west=30, east=200)},
    ],
    ids=["whole", "times and levels", "part of the grid"],
)
def test_the_direct_reader_gives_what_xarray_gives(
    store: Path, changes: dict[str, object], workers: int
) -> None:
    dataset = _dataset(store, **changes)
    steps = _steps(dataset, workers=workers)
    for indices in ((0, 1, 2), (2, 3, 4), (1, 0)):
        found = steps.take(indices)
        assert list(found) == list(indices)
        for index in indices:
            for key in KEYS:
                expected = dataset[key].isel(time=index).values
                np.testing.assert_array_equal(found[index][key], expected)


def test_neighbouring_samples_read_each_time_once(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = TrainingStore.read

    def count(self, key, index, out):
        if key == "surf_2t":
            read.append(index)
        original(self, key, index, out)

    monkeypatch.setattr(TrainingStore, "read", count)
    steps = _steps(_dataset(store), keep_steps=3)
    for start in range(6):
        steps.take((start, start + 1, start + 2))
    assert read == list(range(8))


def test_no_more_memory_is_taken_than_for_the_steps_that_are_kept(store: Path) -> None:
    steps = _steps(_dataset(store), keep_steps=3)
    addresses = {
        steps.take((start, start + 1, start + 2))[i]["atmos_q"].ctypes.data
        for start in range(6)
        for i in (start, start + 1, start + 2)
    }
    assert len(addresses) == 3


def test_a_field_that_can_not_be_read_ends_the_sample_that_wants_it(tmp_path: Path) -> None:
    spec = RunSpec(data=DataSpec(demo=DemoSpec(height=16, width=16, num_times=6)))
    prepare(open_data(spec.data, spec.model.catalogue_entry), spec, tmp_path / "store")
    steps = _steps(_dataset(tmp_path / "store"), workers=2)
    (tmp_path / "store" / "atmos_q" / "c.2.0.0.0").unlink()
    steps.take((0, 1))
    with pytest.raises(DataError, match=r"c\.2\.0\.0\.0"):
        steps.take((1, 2))
    np.testing.assert_array_equal(
        steps.take((1,))[1]["surf_2t"], _dataset(tmp_path / "store")["surf_2t"].isel(time=1).values
    )
