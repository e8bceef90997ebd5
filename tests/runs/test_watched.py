"""The files of the watched sample: what is kept, what goes, what other tools read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dash.errors import RunError
from aurora_dash.runs.watched import Kept, WatchedField, WatchedFolder, WatchedSample, _outdated
from aurora_dash.variables import Group

WARM = WatchedField(
    name="2t", group=Group.SURFACE, level=None, unit="K", long_name="2 m temperature"
)
HIGH = WatchedField(
    name="so2", group=Group.ATMOSPHERIC, level=0.5, unit="µg m⁻³", long_name="Größe"
)


def kept(step: int | None = None, fields: tuple[WatchedField, ...] = (WARM, HIGH)) -> Kept:
    sample = WatchedSample(
        fields=fields,
        latitudes=(60.0, 55.0, 50.0),
        longitudes=(0.0, 5.0),
        stride=2,
        start=datetime(2025, 6, 1, 6, tzinfo=UTC),
        valid=datetime(2025, 6, 1, 12, tzinfo=UTC),
        sample=4,
        part="norway",
    )
    values = np.arange(6, dtype=np.float32).reshape(3, 2) + (step or 0) / 3
    values[0, 1] = np.nan
    errors = {} if step is None else {field.key: 1 / 3 + step for field in fields}
    return Kept(sample=sample, values={f.key: values for f in fields}, errors=errors, step=step)


def test_what_is_written_is_read_digit_by_digit(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path)
    assert (folder.target(), folder.steps(), folder.files(99)) == (None, (), [])
    folder.write(kept(), kept(7), keep=3)
    for found, expected in ((folder.target(), kept()), (folder.forecast(7), kept(7))):
        assert found is not None
        assert (found.sample, found.errors, found.step) == (
            expected.sample,
            expected.errors,
            expected.step,
        )
        assert found.sample.lead_hours == 6
        for key, values in expected.values.items():
            np.testing.assert_array_equal(found.values[key], values)


def test_any_tool_reads_the_files(tmp_path: Path) -> None:
    WatchedFolder(tmp_path).write(kept(), kept(7), keep=3)
    with xr.open_dataset(tmp_path / "watched" / "step-00000007.nc", engine="scipy") as dataset:
        assert set(dataset.data_vars) == {"surf_2t", "atmos_so2_0.5"}
        np.testing.assert_array_equal(dataset["surf_2t"].values, kept(7).values["2t"])
        assert dataset["surf_2t"].dims == ("latitude", "longitude")
        assert dataset["latitude"].values.tolist() == [60, 55, 50]
        assert dataset["surf_2t"].attrs["units"] == "K"
        assert dataset["surf_2t"].attrs["rmse"] == pytest.approx(7 + 1 / 3, rel=1e-15)


def test_the_newest_and_the_first_of_each_doubling_stay(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path)
    for step in range(0, 101, 5):
        folder.write(kept(), kept(step), keep=3)
    assert folder.steps() == (0, 5, 10, 20, 35, 65, 90, 95, 100)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 80))
def test_what_is_kept_is_bounded_and_holds_beginning_and_end(
    keep: int, every: int, count: int
) -> None:
    steps: tuple[int, ...] = ()
    for step in range(0, every * count, every):
        steps = (*steps, step)
        gone = _outdated(steps, keep)
        steps = tuple(kept for kept in steps if kept not in gone)
    assert steps[0] == 0
    assert set(range(0, every * count, every)[-keep:]) <= set(steps)
    assert len(steps) <= keep + (every * count).bit_length() + 1


def test_another_sample_begins_anew(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path)
    folder.write(kept(), kept(1), keep=3)
    folder.write(kept(fields=(WARM,)), kept(2, fields=(WARM,)), keep=3)
    assert folder.steps() == (2,)
    target = folder.target()
    assert target is not None
    assert target.sample == replace(kept().sample, fields=(WARM,))


def test_what_later_steps_forecast_is_forgotten(tmp_path: Path) -> None:
    folder = WatchedFolder(tmp_path)
    folder.forget_after(3)
    for step in (0, 3, 6):
        folder.write(kept(), kept(step), keep=9)
    assert [path.name for path in folder.files(3)] == [
        "target.nc",
        "step-00000000.nc",
        "step-00000003.nc",
    ]
    folder.forget_after(3)
    assert folder.steps() == (0, 3)


@pytest.mark.parametrize("damage", [b"", b"CDF", b"no such format at all", None])
def test_a_damaged_file_is_named_and_replaced(tmp_path: Path, damage: bytes | None) -> None:
    folder = WatchedFolder(tmp_path)
    folder.write(kept(), kept(1), keep=3)
    target = tmp_path / "watched" / "target.nc"
    target.write_bytes(target.read_bytes()[:-20] if damage is None else damage)
    with pytest.raises(RunError, match=r"target\.nc"):
        folder.target()
    folder.write(kept(), kept(2), keep=3)
    found = folder.target()
    assert found is not None
    assert found.sample == kept().sample


def test_what_cannot_be_written_is_said_and_leaves_no_half(tmp_path: Path) -> None:
    (tmp_path / "watched").write_text("in the way")
    with pytest.raises(RunError, match="watched"):
        WatchedFolder(tmp_path).write(kept(), kept(1), keep=3)
