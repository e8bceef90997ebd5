"""The data doctor: quiet on healthy data, and every planted defect is found and can be mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.check import check_for_training, launchable
from aurora_dash.data.findings import Finding
from aurora_dash.data.reading import read_values
from aurora_dash.data.source import open_data
from aurora_dash.spec import DataSpec, DemoSpec, ModelSpec, RunSpec, VariableSpec
from aurora_dash.variants import VARIANTS

Change = Callable[[xr.Dataset], xr.Dataset]

SURFACE, UPPER = 1, 0


def check(spec: RunSpec) -> tuple[Finding, ...]:
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    try:
        return check_for_training(opened, spec)
    finally:
        opened.close()


def spec_of(*paths: Path) -> RunSpec:
    return RunSpec(data=DataSpec(source="files", paths=tuple(map(str, paths))))


def noticed(findings: tuple[Finding, ...]) -> list[tuple[str, str | None]]:
    return [(f.code, f.variable) for f in findings if f.severity != "info"]


def put(name: str, index: dict[str, object], value: float) -> Change:
    """A change of the values of a variable at an index."""

    def change(dataset: xr.Dataset) -> xr.Dataset:
        array = dataset[name].copy(deep=True)
        array[index] = value
        return dataset.assign({name: array})

    return change


def scaled(name: str, factor: float, offset: float = 0.0) -> Change:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        array = dataset[name]
        return dataset.assign({name: (array * factor + offset).assign_attrs(array.attrs)})

    return change


def interpolated(dataset: xr.Dataset) -> xr.Dataset:
    array = dataset["slt"].copy(deep=True)
    array[:, 30, 20:30] = 2.5
    return dataset.assign(slt=array)


def relative(dataset: xr.Dataset) -> xr.Dataset:
    """Relative humidity of 60 % and a little more with height under the name of q."""
    share = 60 + 10 * np.sin(np.arange(dataset["q"].size).reshape(dataset["q"].shape) / 300)
    return dataset.assign(q=(dataset["q"].dims, share.astype(np.float32), dataset["q"].attrs))


def stale(dataset: xr.Dataset) -> xr.Dataset:
    """All fields of time 7 are those of time 6."""
    times = dataset["valid_time"]
    return dataset.isel(valid_time=[*range(7), 6, *range(8, 20)]).assign_coords(valid_time=times)


def copied_end(dataset: xr.Dataset) -> xr.Dataset:
    """One of the last times is the second again."""
    times = dataset["valid_time"]
    return dataset.isel(valid_time=[*range(17), 1, 18, 19]).assign_coords(valid_time=times)


def twice(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.isel(valid_time=[0, 1, 2, 2, *range(3, 20)])


def drying_sea(dataset: xr.Dataset) -> xr.Dataset:
    """At the last time a block of the sea is half land, and one point of it more than that."""
    array = dataset["lsm"].copy(deep=True)
    array[-1, 10:13, 20:24] = array[0, 10:13, 20:24] + 0.5
    array[-1, 11, 22] = array[0, 11, 22] + 0.75
    return dataset.assign(lsm=array)


def without_unit(dataset: xr.Dataset) -> xr.Dataset:
    del dataset["msl"].attrs["units"]
    return dataset


def odd_time(dataset: xr.Dataset) -> xr.Dataset:
    """Time 5 is put half an hour late."""
    times = dataset["valid_time"].values.copy()
    times[5] += np.timedelta64(30, "m")
    return dataset.assign_coords(valid_time=times)


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A change of one or both files, and what must be said about it."""

    change: Change
    files: tuple[int, ...] = (SURFACE,)
    code: str
    variable: str | None
    fixes: tuple[str, ...]
    """Labels of the fixes; after the first nothing is noticed any more."""
    says: str = ""
    place: dict[str, object] | None = None
    picture: str | None = None
    """Kind and beginning of the title of the picture; None: not looked at."""


DEFECTS = {
    "a hole in one field": Defect(
        change=put("t2m", {"valid_time": 4, "latitude": slice(10, 14), "longitude": 20}, np.nan),
        code="missing-values",
        variable="surf_2t",
        fixes=("Infill in time", "Infill in space", "Drop that time"),
        says="4 missing values",
        place={"time": "2025-06-02T00:00Z", "latitude": 67.5, "longitude": 10.0, "level": None},
    ),
    "a whole field missing": Defect(
        change=put("msl", {"valid_time": 9}, np.nan),
        code="missing-values",
        variable="surf_msl",
        fixes=("Infill in time", "Drop that time"),
        says="whole fields are missing",
    ),
    "points that are always missing": Defect(
        change=put("u10", {"latitude": slice(30, 33), "longitude": slice(30, 33)}, np.nan),
        code="missing-values",
        variable="surf_10u",
        fixes=("Infill in space",),
        says="9 points are always missing",
    ),
    "a strip at the edge": Defect(
        change=put("v10", {"longitude": slice(0, 8)}, np.nan),
        code="missing-values",
        variable="surf_10v",
        fixes=("Crop to where it is known", "Infill in space"),
    ),
    "a level without values": Defect(
        change=put("q", {"pressure_level": 3}, np.nan),
        files=(UPPER,),
        code="missing-values",
        variable="atmos_q",
        fixes=("Leave out 700 hPa",),
        says="all of it is missing on 700 hPa",
    ),
    "a hole in a static field": Defect(
        change=put("lsm", {"latitude": 5, "longitude": slice(3, 5)}, np.nan),
        code="missing-values",
        variable="static_lsm",
        fixes=("Infill in space",),
    ),
    "a single hot point": Defect(
        change=put("t2m", {"valid_time": 11, "latitude": 33, "longitude": 44}, 335.0),
        code="outlier",
        variable="surf_2t",
        fixes=("Count as missing and infill in space", "Drop that time"),
        says="335 K at 2025-06-03T18:00Z",
        place={"time": "2025-06-03T18:00Z", "latitude": 61.75, "longitude": 16.0, "level": None},
    ),
    "a fill value": Defect(
        change=put("msl", {"valid_time": 3, "latitude": 2, "longitude": 2}, -32767.0),
        code="out-of-bounds",
        variable="surf_msl",
        fixes=("Count as missing and infill in time", "Drop that time"),
        says="such as -32767",
    ),
    "a field of zeros": Defect(
        change=put("u10", {"valid_time": 13}, 0.0),
        code="constant-fields",
        variable="surf_10u",
        fixes=("Drop that time",),
        says="0, everywhere at 1 of 20 times",
    ),
    "degrees Celsius": Defect(
        change=scaled("t2m", 1.0, -273.15),
        code="unit-suspect",
        variable="surf_2t",
        fixes=("Convert from degC to K",),
        says="values in degC",
    ),
    "hectopascals": Defect(
        change=scaled("msl", 0.01),
        code="unit-suspect",
        variable="surf_msl",
        fixes=("Convert from hPa to Pa",),
    ),
    "geopotential height": Defect(
        change=scaled("z", 1 / 9.80665),
        files=(UPPER,),
        code="unit-suspect",
        variable="atmos_z",
        fixes=("Convert from gpm to m2 s-2",),
    ),
    "grams per kilogram": Defect(
        change=scaled("q", 1000.0),
        files=(UPPER,),
        code="unit-suspect",
        variable="atmos_q",
        fixes=("Convert from g kg-1 to kg kg-1",),
    ),
    "relative humidity": Defect(
        change=relative,
        files=(UPPER,),
        code="unit-suspect",
        variable="atmos_q",
        fixes=("Convert from relative humidity",),
        says="relative humidity in %",
    ),
    "a mask in percent": Defect(
        change=scaled("lsm", 100.0),
        code="unit-suspect",
        variable="static_lsm",
        fixes=("Convert from % to 1",),
    ),
    "interpolated classes": Defect(
        change=interpolated,
        code="fractional-classes",
        variable="static_slt",
        fixes=("Round to whole codes",),
        says="10 of its values",
    ),
    "a mask beyond one": Defect(
        change=put("lsm", {"latitude": 7, "longitude": 7}, 1.4),
        code="out-of-bounds",
        variable="static_lsm",
        fixes=("Clip to what is possible",),
        picture="map: static_lsm",
    ),
    "a stale time": Defect(
        change=stale,
        files=(SURFACE, UPPER),
        code="repeated-fields",
        variable=None,
        fixes=("Drop that time",),
        says="2025-06-02T18:00Z those of 2025-06-02T12:00Z",
        picture="bars: Repeated fields",
    ),
    "training data in validation": Defect(
        change=copied_end,
        files=(SURFACE, UPPER),
        code="split-overlap",
        variable=None,
        fixes=("Drop that time",),
        says="trained on into validation",
        picture="bars: Repeated fields",
    ),
    "a time that is there twice": Defect(
        change=twice,
        files=(SURFACE,),
        code="times-duplicated",
        variable=None,
        fixes=("Keep the first of each", "Drop these times"),
        says="2025-06-01T12:00Z; these have 2 fields",
        place={"time": "2025-06-01T12:00Z", "latitude": None, "longitude": None, "level": None},
        picture="bars: Fields of each time",
    ),
    "a static field that changes": Defect(
        change=drying_sea,
        code="static-changes",
        variable="static_lsm",
        fixes=("Keep the first field", "Omit the variable"),
        says="changes by up to 0.75 between the first and the last time, at 12 of 3721 points",
        place={"time": None, "level": None, "latitude": 67.25, "longitude": 10.5},
        picture="map: Change of lsm [1]",
    ),
    "soil of no type": Defect(
        change=put("slt", {"latitude": 7, "longitude": 7}, 40.0),
        code="out-of-bounds",
        variable="static_slt",
        fixes=("Count as missing and infill in space",),
        picture="map: static_slt",
    ),
    "no unit": Defect(
        change=without_unit,
        code="no-unit",
        variable="surf_msl",
        fixes=("Take the values as Pa",),
    ),
}


def _broken(
    defect: Defect, norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> RunSpec:
    paths = list(norway_files)
    for file in defect.files:
        paths[file] = rewrite(norway_files[file], defect.change)
    return spec_of(*paths)


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS.values(), ids=list(DEFECTS))
def test_a_planted_defect_is_found_alone_and_its_first_fix_mends_it(
    defect: Defect, norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    spec = _broken(defect, norway_files, rewrite)
    findings = check(spec)
    assert noticed(findings) == [(defect.code, defect.variable)], findings
    finding = next(f for f in findings if f.code == defect.code)
    assert tuple(fix.label for fix in finding.fixes) == defect.fixes
    assert defect.says in finding.message
    if defect.place is not None:
        assert finding.to_dict()["location"] == defect.place
    if defect.picture is not None:
        assert finding.picture is not None
        assert f"{finding.picture.kind}: {finding.picture.title}".startswith(defect.picture)
    for fix in finding.fixes:
        after = check(spec.with_overrides(fix.assignments))
        assert (defect.code, defect.variable) not in noticed(after), fix
    mended = check(spec.with_overrides(finding.fixes[0].assignments))
    gap = defect.fixes[0].startswith("Drop")
    assert [code for code, _ in noticed(mended)] == ["uneven-times"] * gap
    assert launchable(mended)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "counted", "remedy"),
    [
        ("a time that is there twice", "these have 2 fields", "keep_first"),
        ("a static field that changes", "at 12 of 3721 points", "first_field"),
    ],
)
def test_keeping_the_first_field_is_counted_recorded_and_undone(
    defect: str,
    counted: str,
    remedy: str,
    norway_files: tuple[Path, Path],
    rewrite: Callable[..., Path],
) -> None:
    code = DEFECTS[defect].code
    spec = _broken(DEFECTS[defect], norway_files, rewrite)
    finding = next(f for f in check(spec) if f.code == code)
    mended = spec.with_overrides(finding.fixes[0].assignments)
    assert [one.kind for one in mended.data.remedies] == [remedy]
    findings = check(mended)
    settled = next(f for f in findings if f.code == code)
    assert (settled.severity, settled.fixes) == ("info", ())
    assert counted in settled.message
    assert settled.picture is not None
    (undo,) = next(f for f in findings if f.code == "remedy-applied").fixes
    assert noticed(check(mended.with_overrides(undo.assignments))) == noticed((finding,))


@pytest.mark.slow
def test_times_off_the_usual_step_are_found_and_dropped(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    spec = spec_of(*(rewrite(path, odd_time) for path in norway_files))
    finding = next(f for f in check(spec) if f.code == "uneven-times")
    assert [fix.label for fix in finding.fixes] == ["Drop the 1 times between the others"]
    assert finding.picture is not None
    assert "2025-06-02T06:30:00Z" in str(finding.remedy_spec)


def test_statistics_unlike_aurora_s_own_are_told_apart_from_another_unit(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    # The sign of the geopotential turned round is no unit.
    path = rewrite(norway_files[UPPER], scaled("z", -1.0))
    findings = check(spec_of(path, norway_files[SURFACE]))
    assert ("statistics-drift", "atmos_z") in noticed(findings)
    finding = next(f for f in findings if f.code == "statistics-drift")
    assert finding.where == "700 hPa"
    assert finding.fixes == ()


def test_real_data_of_a_small_region_and_season_is_healthy(
    norway_files: tuple[Path, Path],
) -> None:
    findings = check(spec_of(*norway_files))
    assert noticed(findings) == []


@pytest.mark.slow
@pytest.mark.parametrize("variant", [v.id for v in VARIANTS])
@pytest.mark.parametrize("height", [32, 64])
def test_the_demo_is_healthy_for_every_variant(variant: str, height: int) -> None:
    demo = DemoSpec(height=height, width=2 * height, num_times=40, levels=(1000, 850, 500, 50))
    spec = RunSpec(model=ModelSpec(variant=variant, size="tiny"), data=DataSpec(demo=demo))
    assert noticed(check(spec)) == []


@pytest.mark.slow
def test_filled_values_are_counted_and_told(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    spec = _broken(DEFECTS["a hole in one field"], norway_files, rewrite)
    finding = next(f for f in check(spec) if f.code == "missing-values")
    findings = check(spec.with_overrides(finding.fixes[0].assignments))
    told = next(f for f in findings if f.code == "infilled")
    assert "4 missing values in 1 time were filled in, 0 are missing still" in told.message
    assert "left out of the loss" in told.message


@pytest.mark.slow
def test_filled_values_are_the_mean_of_their_neighbours_in_time(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    spec = _broken(DEFECTS["a whole field missing"], norway_files, rewrite)
    fix = next(f for f in check(spec) if f.code == "missing-values").fixes[0]
    mended = spec.with_overrides(fix.assignments)
    filled = open_data(mended.data, mended.model.catalogue_entry).dataset["surf_msl"]
    healthy = spec_of(*norway_files)
    truth = open_data(healthy.data, healthy.model.catalogue_entry).dataset["surf_msl"]
    around = (read_values(truth.isel(time=8)) + read_values(truth.isel(time=10))) / 2
    np.testing.assert_allclose(read_values(filled.isel(time=9)), around, rtol=1e-6)


def test_a_new_variable_can_be_taken_out_of_the_run() -> None:
    rain = VariableSpec(name="tcwv", unit="kg m-2")
    demo = DemoSpec(height=16, width=32, num_times=12)
    spec = RunSpec(data=DataSpec(demo=demo), variables=(rain,))
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    array = opened.dataset["surf_tcwv"]
    spoilt = opened.dataset.assign(surf_tcwv=array.where(array["longitude"] != 0))
    findings = check_for_training(type(opened)(dataset=spoilt), spec)
    finding = next(f for f in findings if f.code == "missing-values")
    omit = finding.fixes[-1]
    assert omit.label == "Omit the variable"
    assert omit.omits == "surf_tcwv"
    assert spec.with_overrides(omit.assignments).variables == ()


@pytest.mark.slow
def test_sampled_data_offers_no_dropping_of_times_it_has_not_seen(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    path = rewrite(norway_files[SURFACE], put("t2m", {"valid_time": 0, "latitude": 3}, np.nan))
    spec = spec_of(norway_files[UPPER], path)
    opened = open_data(spec.data, spec.model.catalogue_entry)
    findings = check_for_training(opened, spec, budget_bytes=opened.dataset.nbytes // 4)
    finding = next(f for f in findings if f.code == "missing-values")
    assert [fix.label for fix in finding.fixes] == ["Infill in space"]
    assert "sampled-check" in [f.code for f in findings]
