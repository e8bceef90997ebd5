from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.open import OpenedData, open_files
from aurora_dash.data.remedies import settled
from aurora_dash.errors import DataError
from aurora_dash.spec.remedies import KeepFirst

SmallFile = Callable[..., Path]


def _codes(opened: OpenedData, severity: str) -> list[str]:
    return [finding.code for finding in opened.findings if finding.severity == severity]


@pytest.fixture
def whole(small_file: SmallFile) -> xr.Dataset:
    return open_files([small_file("whole.nc")]).dataset


def test_months_in_several_files_are_joined_in_time(
    small_file: SmallFile, whole: xr.Dataset
) -> None:
    # Given out of order and interleaved.
    late = small_file("late.nc", lambda d: d.isel(valid_time=[1, 3]))
    early = small_file("early.nc", lambda d: d.isel(valid_time=[0, 2]))
    opened = open_files([late, early])
    xr.testing.assert_equal(opened.dataset, whole)
    assert _codes(opened, "warning") == []


def test_levels_in_several_files_are_joined(small_file: SmallFile, whole: xr.Dataset) -> None:
    lower = small_file("lower.nc", lambda d: d.isel(pressure_level=[0]))
    upper = small_file("upper.nc", lambda d: d[["t"]].isel(pressure_level=1))
    opened = open_files([lower, upper])
    xr.testing.assert_equal(opened.dataset, whole)


def test_variables_in_several_files_are_joined(small_file: SmallFile, whole: xr.Dataset) -> None:
    names = ("t2m", "msl", "t", "lsm")
    paths = [small_file(f"{name}.nc", lambda d, name=name: d[[name]]) for name in names]
    xr.testing.assert_equal(open_files(paths).dataset, whole)


def test_times_that_repeat_with_the_same_values_are_taken_once(
    small_file: SmallFile, whole: xr.Dataset
) -> None:
    first = small_file("first.nc", lambda d: d.isel(valid_time=slice(0, 3)))
    second = small_file("second.nc", lambda d: d.isel(valid_time=slice(2, 4)))
    opened = open_files([first, second])
    xr.testing.assert_equal(opened.dataset, whole)
    assert set(_codes(opened, "warning")) == {"times-repeated"}
    answered = settled(opened.findings, [KeepFirst()])
    assert [f.severity for f in answered if f.code == "times-repeated"] == ["info"] * 3


def test_times_that_repeat_with_other_values_are_in_the_way(small_file: SmallFile) -> None:
    first = small_file("analysis.nc", lambda d: d.isel(valid_time=slice(0, 3)))
    second = small_file("other.nc", lambda d: (d + 5).isel(valid_time=slice(2, 4)))
    opened = open_files([first, second])
    assert opened.dataset.sizes["time"] == 4
    findings = [f for f in opened.findings if f.code == "times-duplicated"]
    assert {f.variable for f in findings} == {"surf_2t", "surf_msl", "atmos_t"}
    for word in ("analysis.nc", "other.nc", "2024-01-01T12:00Z", "differ by up to 5"):
        assert word in findings[0].message
    assert findings[0].severity == "error"
    upper = next(f for f in findings if f.variable == "atmos_t")
    assert upper.picture is not None
    assert upper.picture.values == pytest.approx([5.0] * 16, abs=1e-3)
    assert upper.location is not None
    assert upper.location.time == "2024-01-01T12:00Z"
    assert upper.location.level in (1000.0, 850.0)
    assert [fix.assignments for fix in findings[0].fixes] == [
        ('data.remedies+={"kind":"keep_first"}',),
        ('data.remedies+={"kind":"drop_times","times":["2024-01-01T12:00:00Z"]}',),
    ]


def test_levels_that_only_some_months_have_are_left_out_and_said(small_file: SmallFile) -> None:
    both = small_file("both.nc", lambda d: d.isel(valid_time=[0, 1]))
    one = small_file("one.nc", lambda d: d.isel(valid_time=[2, 3], pressure_level=[1]))
    opened = open_files([both, one])
    assert opened.dataset["level"].values.tolist() == [850]
    assert opened.dataset.sizes["time"] == 4
    finding = next(f for f in opened.findings if f.code == "levels-left-out")
    assert finding.variable == "atmos_t"
    assert "1000 hPa" in finding.message


def test_levels_of_two_variables_are_those_that_both_have(small_file: SmallFile) -> None:
    t = small_file("t.nc", lambda d: d[["t"]])
    u = small_file("u.nc", lambda d: d[["t"]].rename(t="u").isel(pressure_level=[1]))
    opened = open_files([t, u])
    assert opened.dataset["level"].values.tolist() == [850]
    assert _codes(opened, "warning").count("levels-left-out") == 1


def test_periods_without_a_common_time_are_refused_with_both(small_file: SmallFile) -> None:
    surface = small_file("a.nc", lambda d: d[["t2m"]].isel(valid_time=[0, 1]))
    upper = small_file("b.nc", lambda d: d[["t"]].isel(valid_time=[2, 3]))
    with pytest.raises(DataError) as error:
        open_files([surface, upper])
    for word in ("No time is common", "surf_2t", "atmos_t", "2024-01-01T06:00Z", "T12:00Z"):
        assert word in error.value.message


def test_a_variable_that_is_not_needed_does_not_shorten_the_period(small_file: SmallFile) -> None:
    main = small_file("main.nc", lambda d: d[["t2m", "t"]])
    short = small_file("short.nc", lambda d: d[["msl"]].isel(valid_time=[1]))
    needed = {"surf_2t", "atmos_t"}
    opened = open_files([main, short], needed=needed)
    assert opened.dataset.sizes["time"] == 4
    assert "surf_msl" not in opened.dataset
    finding = next(f for f in opened.findings if f.code == "times-missing")
    assert finding.variable == "surf_msl"
    # Without a word about needs, all variables decide.
    assert open_files([main, short]).dataset.sizes["time"] == 1


def test_a_static_field_of_another_year_does_not_matter(
    small_file: SmallFile, whole: xr.Dataset
) -> None:
    def old(dataset: xr.Dataset) -> xr.Dataset:
        field = dataset[["lsm"]].expand_dims(valid_time=1)
        return field.assign_coords(valid_time=[np.datetime64("1979-01-01", "ns")])

    static = small_file("static.nc", old)
    main = small_file("main.nc", lambda d: d.drop_vars("lsm"))
    xr.testing.assert_equal(open_files([static, main]).dataset, whole)


def test_grids_that_differ_by_rounding_are_one(small_file: SmallFile, whole: xr.Dataset) -> None:
    single = small_file(
        "single.nc",
        lambda d: d[["t2m"]].assign_coords(
            latitude=d["latitude"].astype("float32") + np.float32(1e-6)
        ),
    )
    rest = small_file("rest.nc", lambda d: d.drop_vars("t2m"))
    xr.testing.assert_equal(open_files([single, rest]).dataset[list(whole)], whole)


def test_mirrored_grids_are_one(small_file: SmallFile, whole: xr.Dataset) -> None:
    mirrored = small_file("m.nc", lambda d: d[["t2m"]].isel(latitude=slice(None, None, -1)))
    rest = small_file("rest.nc", lambda d: d.drop_vars("t2m"))
    xr.testing.assert_equal(open_files([mirrored, rest]).dataset[list(whole)], whole)


def test_joined_files_stay_on_disk(small_file: SmallFile) -> None:
    paths = [small_file(f"{i}.nc", lambda d, i=i: d.isel(valid_time=[i])) for i in range(4)]
    dataset = open_files(paths).dataset
    assert dataset["surf_2t"].chunks is not None
    assert dataset["surf_2t"].attrs["units"] == "K"
