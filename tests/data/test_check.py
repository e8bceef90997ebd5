from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from dask.callbacks import Callback

import aurora_dash.data.reading as reading
from aurora_dash.data.check import check_for_training, launchable
from aurora_dash.data.findings import Finding
from aurora_dash.data.open import OpenedData, open_files
from aurora_dash.data.source import open_data
from aurora_dash.spec import (
    DataSpec,
    DemoSpec,
    LossSpec,
    ModelSpec,
    Region,
    RunSpec,
    VariableSpec,
)
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS


def _spec(*paths: Path, **data: object) -> RunSpec:
    return RunSpec(
        data=DataSpec(source="files", paths=tuple(map(str, paths)), **data)  # type: ignore[arg-type]
    )


def _open(spec: RunSpec) -> OpenedData:
    return open_data(spec.data, spec.model.catalogue_entry, spec.variables)


def _check(
    spec: RunSpec, change: Callable[[xr.Dataset], xr.Dataset] | None = None
) -> tuple[Finding, ...]:
    opened = _open(spec)
    if change is not None:
        opened = replace(opened, dataset=change(opened.dataset))
    return check_for_training(opened, spec)


def _only(findings: tuple[Finding, ...], code: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.code == code]
    return finding


def _errors(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings if finding.severity == "error"}


DEMO = RunSpec(data=DataSpec(demo=DemoSpec(num_times=12)))


def test_norway_can_be_launched_without_a_warning(norway_files: tuple[Path, Path]) -> None:
    findings = _check(_spec(*norway_files))
    assert launchable(findings)
    assert {finding.severity for finding in findings} == {"info"}


@pytest.mark.parametrize("variant", [v.id for v in VARIANTS])
def test_the_demo_can_be_launched_with_every_variant(variant: str) -> None:
    spec = RunSpec(model=ModelSpec(variant=variant), data=DataSpec(demo=DemoSpec(num_times=12)))
    findings = _check(spec)
    assert launchable(findings), findings
    assert {finding.severity for finding in findings} == {"info"}


def test_western_usa_is_explained_as_surface_only(western_usa_file: Path) -> None:
    findings = _check(_spec(western_usa_file))
    assert not launchable(findings)
    assert _errors(findings) == {"surface-only"}
    finding = _only(findings, "surface-only")
    assert "surface-only" in finding.message
    assert "cannot run" in finding.message
    assert "z, u, v, t, q on pressure levels" in finding.message
    assert "same area and times" in finding.remedy
    assert findings[0] is finding


def test_what_is_missing_is_named_in_words(norway_files: tuple[Path, Path]) -> None:
    findings = _check(_spec(norway_files[0]))
    assert _errors(findings) == {"missing-surface", "missing-static"}
    surface = _only(findings, "missing-surface")
    assert "4 surface variables" in surface.message
    assert "msl (mean sea level pressure)" in surface.message
    assert "slt (soil type)" in _only(findings, "missing-static").message


def test_one_missing_level_variable_is_named(norway_files: tuple[Path, Path]) -> None:
    finding = _only(
        _check(_spec(*norway_files), lambda d: d.drop_vars("atmos_q")), "missing-atmospheric"
    )
    assert finding.variable == "atmos_q"
    assert "q (specific humidity)" in finding.message


def test_the_iberia_file_lacks_much_and_each_thing_is_said(iberia_tp_file: Path) -> None:
    region = Region(north=50, south=20, west=0, east=10)
    findings = _check(_spec(iberia_tp_file, region=region))
    assert _errors(findings) == {
        "surface-only",
        "missing-surface",
        "missing-static",
        "no-training-samples",
    }


def test_steps_that_do_not_reach_the_lead_time_are_explained(cams_pm10_file: Path) -> None:
    region = Region(north=50, south=20, west=0, east=10)
    finding = _only(_check(_spec(cams_pm10_file, region=region)), "no-samples")
    assert "3 times, 24 h apart" in finding.message
    assert "every 6 h over at least 12 h" in finding.remedy


def test_a_longer_lead_than_the_data_is_explained(norway_files: tuple[Path, Path]) -> None:
    finding = _only(_check(_spec(*norway_files, lead_hours=240)), "no-samples")
    assert "240 h after" in finding.message


def test_an_empty_validation_period_is_an_error_that_says_what_the_data_has() -> None:
    data = DataSpec(validation_start="2031-01-01T00:00Z")
    finding = _only(_check(RunSpec(data=data)), "no-validation-samples")
    assert finding.severity == "error"
    assert "from 2031-01-01T00:00Z to the end" in finding.message
    assert "2020-03-01T00:00Z" in finding.message


def test_a_gap_that_takes_all_training_samples_is_explained() -> None:
    finding = _only(_check(RunSpec(data=DataSpec(gap_hours=9999))), "no-training-samples")
    assert "gap_hours" in finding.remedy


@pytest.mark.parametrize(
    ("variant", "source", "severity"),
    [
        ("small", "hub", "warning"),
        ("small", "random", None),
        ("v1.5", "hub", None),
        ("0.4-air-pollution", "random", "error"),
    ],
)
def test_a_lead_that_the_model_was_not_made_for_is_said_or_refused(
    variant: str, source: str, severity: str | None
) -> None:
    model = ModelSpec(variant=variant, source=source)
    found = _check(RunSpec(model=model, data=DataSpec(lead_hours=24)))
    findings = [finding for finding in found if finding.code.startswith("lead-")]
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    if severity == "error":
        assert "change of the input 12 h or 24 h before" in findings[0].message


def test_a_single_time_is_no_sample() -> None:
    finding = _only(_check(DEMO, lambda d: d.isel(time=[0])), "no-samples")
    assert "a single time" in finding.message


def test_uneven_times_count_what_is_left_and_name_the_gaps() -> None:
    hours = [0, 1, 2, 3, 5, 6, 7, 9, 10, 11]
    findings = _check(DEMO, lambda d: d.isel(time=hours))
    finding = _only(findings, "uneven-times")
    assert "2020-03-01T18:00Z to 2020-03-02T06:00Z" in finding.message
    assert "Only the 4 samples" in finding.message


def test_many_gaps_are_counted_not_listed() -> None:
    findings = _check(DEMO, lambda d: d.isel(time=[0, 1, 2, 4, 5, 7, 8, 10, 11]))
    assert "12 h from" in _only(findings, "uneven-times").message
    spec = DEMO.replace(data=DEMO.data.replace(demo={"num_times": 60}))
    keep = [i for i in range(60) if i % 5]
    assert "and 8 more" in _only(_check(spec, lambda d: d.isel(time=keep)), "uneven-times").message


def test_too_few_times_leave_nothing_to_train_on() -> None:
    spec = RunSpec(data=DataSpec(demo=DemoSpec(num_times=6), validation_fraction=0.6))
    finding = _only(_check(spec), "no-training-samples")
    assert finding.severity == "error"
    assert "data.validation_fraction" in finding.remedy


def test_no_validation_is_allowed_but_said() -> None:
    spec = RunSpec(data=DataSpec(demo=DemoSpec(num_times=6), validation_fraction=0))
    findings = _check(spec)
    assert launchable(findings)
    assert _only(findings, "no-validation").severity == "info"


def test_levels_without_statistics_are_refused() -> None:
    spec = RunSpec(data=DataSpec(levels=(1000, 20), demo=DemoSpec(levels=(1000, 850, 20))))
    finding = _only(_check(spec), "levels-without-statistics")
    assert finding.severity == "error"
    assert finding.where == "20 hPa"
    assert "data.levels among 1000 hPa" in finding.remedy


def test_levels_of_a_new_variable_without_statistics_are_refused() -> None:
    given = {"1000": 0.0, "850": 0.0, "500_0": 0.0}
    new = VariableSpec(
        name="w",
        group=Group.ATMOSPHERIC,
        unit="Pa s-1",
        mean=given,
        std=dict.fromkeys([*given, "250"], 1.0),
    )
    finding = _only(_check(DEMO.replace(variables=(new,))), "levels-without-statistics")
    assert finding.variable == "atmos_w"
    assert "not for 250 hPa" in finding.message


def test_a_level_that_is_no_number_counts_as_not_given() -> None:
    new = VariableSpec(
        name="w", group=Group.ATMOSPHERIC, unit="Pa s-1", mean={"low": 0.0}, std={"low": 1.0}
    )
    finding = _only(_check(DEMO.replace(variables=(new,))), "levels-without-statistics")
    assert "low" in finding.message


@pytest.mark.parametrize("statistics", [{}, {"mean": 0.0, "std": 1.0}])
def test_a_new_variable_with_statistics_for_all_levels_passes(statistics: dict) -> None:
    new = VariableSpec(name="w", group=Group.ATMOSPHERIC, unit="Pa s-1", **statistics)
    assert launchable(_check(DEMO.replace(variables=(new,))))


def test_a_new_variable_that_is_not_there_is_refused() -> None:
    new = VariableSpec(name="rain", source_name="precip", unit="m")
    finding = _only(_check(DEMO.replace(variables=(new,))), "new-variable-missing")
    assert finding.variable == "surf_rain"
    assert "'precip'" in finding.message
    assert "source_name" in finding.remedy


@pytest.mark.parametrize(
    ("model", "height", "fits"),
    [
        (ModelSpec(size="tiny"), 8, True),
        (ModelSpec(size="tiny"), 4, False),
        (ModelSpec(size="small"), 12, True),
        (ModelSpec(size="small"), 8, False),
        (ModelSpec(size="tiny", source="hub"), 8, False),
    ],
)
def test_the_grid_must_hold_enough_patches(model: ModelSpec, height: int, fits: bool) -> None:
    findings = _check(DEMO.replace(model=model), lambda d: d.isel(latitude=slice(height)))
    assert ("grid-too-small" not in _errors(findings)) == fits
    if not fits:
        assert f"{height} x 64" in _only(findings, "grid-too-small").message


def test_a_needed_variable_in_a_foreign_unit_is_an_error(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    path = rewrite(norway_files[1], lambda d: d.assign(msl=d["msl"].assign_attrs(units="furlongs")))
    finding = _only(_check(_spec(norway_files[0], path)), "unit-wrong")
    assert finding.variable == "surf_msl"
    assert "'furlongs'" in finding.message
    # Whether only the word is wrong is to be seen: real pressures lie where they are expected.
    assert finding.picture is not None
    assert finding.picture.band is not None
    assert finding.picture.band[0] < 0.5 < finding.picture.band[1]
    spec = _spec(norway_files[0], path).with_overrides(finding.fixes[0].assignments)
    assert launchable(_check(spec))


def test_a_constant_field_is_suspicious() -> None:
    findings = _check(DEMO, lambda d: d.assign(surf_10u=d["surf_10u"] * 0))
    assert _only(findings, "constant").variable == "surf_10u"
    assert launchable(findings)


def test_a_little_beyond_a_bound_is_packing_not_an_error() -> None:
    spec = DEMO.replace(variables=(VariableSpec(name="tcwv", unit="kg m-2"),))

    def below_zero(dataset: xr.Dataset, by: float) -> xr.Dataset:
        values = dataset["surf_tcwv"].copy(deep=True)
        values[3, 2, 1] = by
        return dataset.assign(surf_tcwv=values)

    assert "out-of-bounds" not in [f.code for f in _check(spec, lambda d: below_zero(d, -1e-3))]
    finding = _only(_check(spec, lambda d: below_zero(d, -3.0)), "out-of-bounds")
    assert "such as -3 at 2020-03-01T18:00Z, latitude 75.9375, longitude 5.625" in finding.message
    assert finding.severity == "warning"


def _with_nan(key: str) -> Callable[[xr.Dataset], xr.Dataset]:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        return dataset.assign({key: dataset[key].where(dataset["longitude"] > 100)})

    return change


def test_absent_waves_may_be_missing_but_weather_may_not() -> None:
    spec = DEMO.replace(model=ModelSpec(variant="0.25-wave"))
    assert launchable(_check(spec, _with_nan("surf_swh")))
    assert not launchable(_check(spec, _with_nan("surf_2t")))


def test_variables_that_are_only_predicted_may_have_gaps() -> None:
    spec = DEMO.replace(model=ModelSpec(variant="v1.5"))
    findings = _check(spec, _with_nan("surf_blh"))
    assert _only(findings, "missing-values").severity == "warning"
    assert launchable(findings)


def test_variables_that_are_only_predicted_may_be_absent_unless_aimed_at() -> None:
    spec = DEMO.replace(model=ModelSpec(variant="v1.5"))
    findings = _check(spec, lambda d: d.drop_vars("surf_blh"))
    assert launchable(findings)
    assert "blh" in _only(findings, "missing-outputs").message
    aimed = spec.replace(loss=LossSpec(targets=("2t", "blh")))
    findings = _check(aimed, lambda d: d.drop_vars("surf_blh"))
    assert _errors(findings) == {"missing-target"}


def test_missing_values_in_a_static_field_are_found() -> None:
    finding = _only(_check(DEMO, _with_nan("static_lsm")), "missing-values")
    assert finding.variable == "static_lsm"
    assert finding.where == "latitude 87.1875, longitude 0"


def test_unused_variables_are_not_judged() -> None:
    assert launchable(_check(DEMO, _with_nan("surf_tcwv")))


def test_findings_made_on_opening_are_included(norway_files: tuple[Path, Path]) -> None:
    assert {"cropped", "renamed"} <= {f.code for f in _check(_spec(*norway_files))}


def test_a_region_across_greenwich_that_was_only_opened_is_not_launchable(
    iberia_tp_file: Path,
) -> None:
    findings = check_for_training(open_files([iberia_tp_file]), RunSpec())
    assert "crosses-greenwich" in _errors(findings)


def test_the_axes_alone_are_checked_without_reading_a_field(
    norway_files: tuple[Path, Path],
) -> None:
    spec = _spec(*norway_files)
    computed: list[object] = []
    with Callback(start=computed.append):
        findings = check_for_training(_open(spec), spec, read_fields=False)
    assert launchable(findings)
    assert computed == []


def test_memory_is_bounded(
    norway_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = 0
    original = reading.read_values

    def watch(array: xr.DataArray) -> np.ndarray:
        nonlocal largest
        largest = max(largest, array.nbytes)
        return original(array)

    monkeypatch.setattr(reading, "_BUDGET_BYTES", 4 * 4 * 60 * 60 * 4)
    monkeypatch.setattr(reading, "read_values", watch)
    assert launchable(_check(_spec(*norway_files)))
    assert 0 < largest <= 4 * 4 * 60 * 60 * 4


def test_of_very_large_data_a_spread_of_the_times_is_checked_and_said(
    norway_files: tuple[Path, Path],
) -> None:
    spec = _spec(*norway_files)
    opened = _open(spec)
    total = opened.dataset.nbytes
    findings = check_for_training(opened, spec, budget_bytes=total // 4)
    assert "5 of 20 times" in _only(findings, "sampled-check").message
    last = opened.dataset["surf_2t"].where(opened.dataset["time"] < opened.dataset["time"][-1])
    spoilt = replace(opened, dataset=opened.dataset.assign(surf_2t=last))
    # The first and the last time are always among them.
    findings = check_for_training(spoilt, spec, budget_bytes=total // 4)
    assert _only(findings, "missing-values").variable == "surf_2t"
    assert "sampled-check" not in [
        f.code for f in check_for_training(opened, spec, budget_bytes=None)
    ]


def test_pollutants_come_from_another_data_set_than_the_weather() -> None:
    def pollutants(dataset: xr.Dataset) -> xr.Dataset:
        surface = dataset[[key for key in dataset.data_vars if str(key).startswith("surf_")]]
        return surface.assign(surf_pm10=surface["surf_2t"] * 0)

    finding = _only(_check(DEMO, pollutants), "surface-only")
    assert "cams-global-atmospheric-composition-forecasts" in finding.remedy
    assert "set model.variant=0.4-air-pollution" in finding.remedy
    weather = _only(
        _check(DEMO, lambda d: pollutants(d).drop_vars("surf_pm10")), "surface-only"
    ).remedy
    assert "reanalysis-era5-pressure-levels" in weather


def test_less_validation_is_offered_where_nothing_is_left_to_train_on() -> None:
    spec = RunSpec(data=DataSpec(demo=DemoSpec(num_times=6), validation_fraction=0.6))
    finding = _only(_check(spec), "no-training-samples")
    (fix,) = finding.fixes
    assert launchable(_check(spec.with_overrides(fix.assignments)))


def test_few_samples_are_told_without_a_warning() -> None:
    finding = _only(_check(DEMO), "few-samples")
    assert finding.severity == "info"
    enough = DEMO.replace(data=DEMO.data.replace(demo={"num_times": 60}))
    assert "few-samples" not in {f.code for f in _check(enough)}


def test_the_published_static_file_and_the_known_levels_are_offered() -> None:
    missing = _only(_check(DEMO, lambda d: d.drop_vars("static_lsm")), "missing-static")
    assert missing.remedy_spec == "data.static_file=hub"
    spec = RunSpec(data=DataSpec(levels=(1000, 20), demo=DemoSpec(levels=(1000, 850, 20))))
    levels = _only(_check(spec), "levels-without-statistics")
    assert spec.with_overrides(levels.fixes[0].assignments).data.levels == (1000,)


def test_an_odd_word_for_a_unit_can_be_overruled(
    norway_files: tuple[Path, Path], rewrite: Callable[..., Path]
) -> None:
    path = rewrite(norway_files[1], lambda d: d.assign(msl=d["msl"].assign_attrs(units="furlongs")))
    spec = _spec(norway_files[0], path)
    fix = _only(_check(spec), "unit-wrong").fixes[0]
    findings = _check(spec.with_overrides(fix.assignments))
    assert launchable(findings)
    assert {finding.severity for finding in findings} == {"info"}


def _mended(spec: RunSpec, code: str, position: int = 0) -> tuple[Finding, ...]:
    """What is found once a fix of the finding of that code was applied."""
    fix = _only(_check(spec), code).fixes[position]
    return _check(spec.with_overrides(fix.assignments))


_RAIN = VariableSpec(name="rain", unit="m")
_STEPWISE = VariableSpec(name="w", group=Group.ATMOSPHERIC, unit="Pa s-1",
                         mean={"1000": 0.0}, std={"1000": 0.4})  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "code", "position"),
    [
        (DEMO.replace(variables=(_RAIN,)), "new-variable-missing", 0),
        (
            DEMO.replace(
                variables=(_RAIN,), loss=LossSpec(targets=("2t", "rain"), weights={"rain": 2.0})
            ),
            "new-variable-missing",
            0,
        ),
        (DEMO.replace(variables=(_STEPWISE,)), "levels-without-statistics", 0),
        (DEMO.replace(variables=(_STEPWISE,)), "levels-without-statistics", 1),
        (DEMO.replace(data=DEMO.data.replace(crop=(4, 32))), "crop-too-small", 0),
        (DEMO.replace(data=DEMO.data.replace(crop=(4, 32))), "crop-too-small", 1),
        (DEMO.replace(data=DEMO.data.replace(crop=(32, 128))), "crop-too-large", 0),
        (DEMO.replace(model=ModelSpec(statistics={"2t": (250.0, 9.0)})), "statistics-changed", 0),
        (RunSpec(data=DataSpec(validation_start="2031-01-01T00:00Z")), "no-validation-samples", 0),
        (RunSpec(data=DataSpec(validation_end="2031-01-01T00:00Z")), "no-training-samples", 0),
        (DEMO.replace(data=DEMO.data.replace(lead_hours=240)), "no-samples", 0),
        (
            RunSpec(model=ModelSpec(variant="small", source="hub"), data=DataSpec(lead_hours=24)),
            "lead-unusual",
            0,
        ),
        (
            RunSpec(model=ModelSpec(variant="0.4-air-pollution"), data=DataSpec(lead_hours=24)),
            "lead-impossible",
            0,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_fix_of_the_spec_does_away_with_its_finding(
    spec: RunSpec, code: str, position: int
) -> None:
    mended = _mended(spec, code, position)
    assert code not in {finding.code for finding in mended}
    assert launchable(mended)


def test_a_target_that_is_absent_can_be_left_to_the_others() -> None:
    spec = DEMO.replace(model=ModelSpec(variant="v1.5"), loss=LossSpec(targets=("2t", "blh")))

    def without(dataset: xr.Dataset) -> xr.Dataset:
        return dataset.drop_vars("surf_blh")

    (fix,) = _only(_check(spec, without), "missing-target").fixes
    mended = spec.with_overrides(fix.assignments)
    assert mended.loss.targets == ("2t",)
    assert launchable(_check(mended, without))


def test_no_lead_is_offered_of_which_there_are_no_samples(cams_pm10_file: Path) -> None:
    region = Region(north=50, south=20, west=0, east=10)
    finding = _only(_check(_spec(cams_pm10_file, region=region, lead_hours=9)), "no-samples")
    assert finding.fixes == ()
    assert finding.picture is not None
