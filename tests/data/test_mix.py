from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.findings import Finding, launchable
from aurora_dash.data.mix import check_parts, close_parts, open_parts
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError, PathError
from aurora_dash.spec import DataSpec, DemoSpec, MixPart, Region, RunSpec, VariableSpec

SMALL = DemoSpec(height=16, width=32, levels=(850, 500), num_times=12)
NORWAY = Region(north=70, south=63, west=5, east=19.75)
SOUTH = Region(north=62.75, south=55.25, west=5, east=12)


def _mixed(*parts: MixPart, **data: object) -> RunSpec:
    return RunSpec(data=DataSpec(demo=SMALL, mix=parts, **data))


def _check(spec: RunSpec) -> tuple[Finding, ...]:
    parts = open_parts(spec)
    try:
        return check_parts(parts)
    finally:
        close_parts(parts)


def _messages(findings: tuple[Finding, ...], code: str) -> list[str]:
    return [finding.message for finding in findings if finding.code == code]


def test_data_that_is_not_mixed_is_one_part_and_checked_as_before() -> None:
    spec = RunSpec(data=DataSpec(demo=SMALL))
    (part,) = open_parts(spec)
    assert (part.name, part.spec) == ("", spec)
    alone = open_data(spec.data, spec.model.catalogue_entry).dataset
    xr.testing.assert_identical(part.dataset.load(), alone.load())
    assert launchable(_check(spec))
    assert not any("Part" in finding.message for finding in _check(spec))


def test_two_regions_of_the_same_files_have_their_own_grids(
    norway_files: tuple[Path, Path],
) -> None:
    paths = tuple(map(str, norway_files))
    mix = (MixPart(name="north", region=NORWAY), MixPart(name="south", region=SOUTH))
    parts = open_parts(RunSpec(data=DataSpec(source="files", paths=paths, mix=mix)))
    north, south = parts
    assert (north.dataset.sizes["latitude"], north.dataset.sizes["longitude"]) == (28, 60)
    assert (south.dataset.sizes["latitude"], south.dataset.sizes["longitude"]) == (28, 28)
    np.testing.assert_array_equal(north.times, south.times)
    close_parts(parts)


def test_each_finding_says_of_which_part_it_is() -> None:
    flawed = MixPart(name="flawed", validation_start="2031-01-01")
    findings = _check(_mixed(MixPart(name="whole"), flawed))
    (message,) = _messages(findings, "no-validation-samples")
    assert message.startswith("Part 'flawed': No sample lies in the validation period")
    assert not launchable(findings)


def test_parts_of_different_levels_are_refused_with_what_they_share() -> None:
    other = SMALL.replace(levels=(1000, 850))
    spec = _mixed(MixPart(name="one"), MixPart(name="two", demo=other))
    findings = _check(spec)
    (finding,) = [finding for finding in findings if finding.code == "mix-levels"]
    assert finding.severity == "error"
    assert "'one' has 500, 850 hPa, 'two' has 850, 1000 hPa" in finding.message
    assert finding.remedy == "Set data.levels to what all have: 850 hPa."
    (fix,) = finding.fixes
    mended = spec.with_overrides(fix.assignments)
    assert mended.data.levels == (850,)
    assert launchable(_check(mended))


def test_a_variable_that_one_part_lacks_is_named_with_the_part(
    norway_files: tuple[Path, Path],
) -> None:
    real = MixPart(name="real", paths=tuple(map(str, norway_files)))
    spec = RunSpec(
        data=DataSpec(
            demo=DemoSpec(levels=(1000, 850, 500, 250)), mix=(real, MixPart(name="made"))
        ),
        variables=(VariableSpec(name="sdor", group="static", unit="m"),),
    )
    (message,) = _messages(_check(spec), "new-variable-missing")
    assert message.startswith("Part 'real': ")
    assert "sdor" in message


def test_training_on_times_that_another_part_validates_with_is_refused() -> None:
    early = MixPart(name="early", validation_end="2020-03-01T18:00")
    late = MixPart(name="late", validation_start="2020-03-03T00:00")
    findings = _check(_mixed(early, late))
    assert not launchable(findings)
    messages = _messages(findings, "mix-overlap")
    # 12 times, every 6 h: early validates with 0 to 3, late with 8 to 11.
    assert len(messages) == 2
    assert "'early' trains on 4 times, from 2020-03-03T00:00Z on" in messages[0]
    assert "'late' trains on 4 times, from 2020-03-01T00:00Z on" in messages[1]
    other = late.replace(demo=SMALL.replace(seed=9))
    assert not _messages(_check(_mixed(early, other)), "mix-overlap")
    assert not _messages(_check(_mixed(MixPart(name="a"), MixPart(name="b"))), "mix-overlap")


def test_parts_of_different_periods_can_be_made_to_validate_together() -> None:
    # Of 12 times the first part has 8: a fraction of each ends elsewhere.
    spec = _mixed(MixPart(name="short", end="2020-03-02T18:00"), MixPart(name="long"))
    spec = spec.replace(data=spec.data.replace(validation_fraction=0.4))
    (finding,) = (f for f in _check(spec) if f.code == "mix-overlap")
    assert "'long' trains on" in finding.message
    (fix,) = finding.fixes
    mended = spec.with_overrides(fix.assignments)
    findings = _check(mended)
    assert not _messages(findings, "mix-overlap")
    assert launchable(findings)


def test_a_part_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    gone = MixPart(name="gone", paths=str(tmp_path / "no.nc"))
    with pytest.raises(PathError, match=r"^Part 'gone': .*no\.nc"):
        open_parts(_mixed(MixPart(name="there"), gone))
    away = MixPart(name="away", start="2031-01-01")
    with pytest.raises(DataError, match=r"^Part 'away': No time lies"):
        open_parts(_mixed(away))


def test_the_parts_of_a_mix_are_not_opened_as_one() -> None:
    spec = _mixed(MixPart(name="one"))
    with pytest.raises(DataError, match=r"several parts \(one\)"):
        open_data(spec.data, spec.model.catalogue_entry)


@pytest.mark.parametrize(
    ("crop", "code"),
    [((8, 32), "crop-too-small"), ((16, 64), "crop-too-large"), ((12, 32), None)],
)
def test_a_crop_must_fit_the_grid_and_the_model(crop: tuple[int, int], code: str | None) -> None:
    spec = RunSpec(data=DataSpec(demo=SMALL, crop=crop))
    spec = spec.replace(model=spec.model.replace(size="small", source="random"))
    found = [f.code for f in _check(spec) if f.code.startswith("crop-")]
    assert found == ([code] if code else [])
