"""Remedies on real files: what each does, in which order, and that taking it out undoes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.check import check_for_training
from aurora_dash.data.findings import Finding
from aurora_dash.data.reading import read_values
from aurora_dash.data.remedies import APPLIED
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError, SpecError
from aurora_dash.spec import DataSpec, DemoSpec, RunSpec
from aurora_dash.spec.remedies import (
    ClipValues,
    ConvertUnit,
    DropTimes,
    InfillSpace,
    InfillTime,
    MaskValues,
    OmitVariable,
    RoundCodes,
)

Change = Callable[[xr.Dataset], xr.Dataset]


def _spec(paths: list[Path], *remedies: object) -> RunSpec:
    files = tuple(map(str, paths))
    return RunSpec(data=DataSpec(source="files", paths=files, remedies=remedies))  # type: ignore[arg-type]


def _open(spec: RunSpec) -> tuple[xr.Dataset, tuple[Finding, ...]]:
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    return opened.dataset, check_for_training(opened, spec)


def _codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.code for finding in findings}


def test_order_is_that_of_the_kinds_not_of_the_list(norway_files: tuple[Path, Path]) -> None:
    mask = MaskValues(variable="surf_2t", low=10, high=20)
    convert = ConvertUnit(variable="surf_2t", from_unit="degC")
    fill = InfillSpace(variable="surf_2t")
    files = list(norway_files)
    first, _ = _open(_spec(files, fill, mask, convert))
    second, _ = _open(_spec(files, convert, mask, fill))
    a, b = (read_values(dataset["surf_2t"].isel(time=[0])) for dataset in (first, second))
    np.testing.assert_array_equal(a, b)
    # Kelvin taken as Celsius is above 500, so all is masked and nothing is left to fill from.
    assert np.isnan(a).all()


def test_dropped_times_are_gone_and_counted(norway_files: tuple[Path, Path]) -> None:
    times = ("2025-06-01T06:00Z", "2025-06-05T18:00Z")
    dataset, findings = _open(_spec(list(norway_files), DropTimes(times=times)))  # type: ignore[arg-type]
    assert dataset.sizes["time"] == 18
    applied = next(f for f in findings if f.code == APPLIED)
    assert "2 of 20 times were dropped: 2025-06-01T06:00Z, 2025-06-05T18:00Z" in applied.message
    assert applied.fixes[0].assignments == ("data.remedies=[]",)


def test_all_times_can_not_be_dropped(norway_files: tuple[Path, Path]) -> None:
    dataset, _ = _open(_spec(list(norway_files)))
    times = tuple(np.datetime_as_string(t, unit="s") + "Z" for t in dataset["time"].values)
    with pytest.raises(DataError, match="drops all 20 times"):
        _open(_spec(list(norway_files), DropTimes(times=times)))  # type: ignore[arg-type]


def test_a_remedy_that_has_nothing_to_do_is_said(norway_files: tuple[Path, Path]) -> None:
    remedies = (InfillTime(variable="surf_tcwv"), DropTimes(times=("1999-01-01T00:00Z",)))  # type: ignore[arg-type]
    _, findings = _open(_spec(list(norway_files), *remedies))
    idle = [f for f in findings if f.code == "remedy-idle"]
    assert [f.severity for f in idle] == ["warning", "warning"]
    assert any("no surf_tcwv" in f.message for f in idle)
    assert any("1999-01-01T00:00Z" in f.message for f in idle)


def test_an_omitted_variable_is_as_if_it_were_not_there(norway_files: tuple[Path, Path]) -> None:
    dataset, findings = _open(_spec(list(norway_files), OmitVariable(variable="surf_msl")))
    assert "surf_msl" not in dataset
    assert "missing-surface" in _codes(findings)


def test_a_unit_that_can_not_be_converted_is_refused(norway_files: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="from 'furlong' to 'K'"):
        _open(_spec(list(norway_files), ConvertUnit(variable="surf_2t", from_unit="furlong")))


def test_classes_can_not_be_interpolated_in_time(norway_files: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="static_slt can't be interpolated in time"):
        _open(_spec(list(norway_files), InfillTime(variable="static_slt")))


def test_clipping_and_rounding_change_only_what_they_should(
    norway_files: tuple[Path, Path],
) -> None:
    plain, _ = _open(_spec(list(norway_files)))
    changed, _ = _open(
        _spec(
            list(norway_files),
            ClipValues(variable="static_z", low=0.0),
            RoundCodes(variable="static_slt"),
        )
    )
    before, after = read_values(plain["static_z"]), read_values(changed["static_z"])
    assert before.min() < 0
    np.testing.assert_array_equal(after, np.maximum(before, 0))
    np.testing.assert_array_equal(
        read_values(changed["static_slt"]), read_values(plain["static_slt"])
    )


def test_nothing_is_read_on_opening_and_bounded_parts_later() -> None:
    demo = DemoSpec(height=128, width=256, num_times=400)
    remedies = (InfillTime(variable="surf_2t"), ConvertUnit(variable="surf_msl", from_unit="hPa"))
    data = DataSpec(demo=demo, remedies=remedies)
    spec = RunSpec(data=data)
    dataset = open_data(spec.data, spec.model.catalogue_entry).dataset
    for key in ("surf_2t", "surf_msl"):
        assert max(dataset[key].chunks[0]) * 128 * 256 * 4 <= 32 * 2**20


def test_undoing_gives_the_data_back(norway_files: tuple[Path, Path]) -> None:
    spec = _spec(list(norway_files), MaskValues(variable="surf_2t", high=285.0))
    changed, findings = _open(spec)
    assert np.isnan(read_values(changed["surf_2t"])).any()
    undo = next(f for f in findings if f.code == APPLIED).fixes[0]
    restored, _ = _open(spec.with_overrides(undo.assignments))
    plain, _ = _open(_spec(list(norway_files)))
    xr.testing.assert_identical(restored, plain)


@pytest.mark.parametrize(
    ("remedy", "word"),
    [
        ({"kind": "infill_time", "variable": "2t"}, "not a variable of a canonical dataset"),
        ({"kind": "infill_time", "variable": "surf_2t", "max_hours": 0}, "max_hours"),
        ({"kind": "mask_values", "variable": "surf_2t"}, "give low, high or both"),
        ({"kind": "mask_values", "variable": "surf_2t", "low": 3, "high": 1}, "must be below"),
        ({"kind": "drop_times", "times": []}, "times"),
        ({"kind": "guess"}, "guess"),
        ({"kind": "keep_first", "more": 1}, "unknown key"),
        ({"kind": "first_field", "variable": "surf_2t"}, "surf_2t is not static"),
    ],
)
def test_a_wrong_remedy_is_refused_where_it_is_built(remedy: dict, word: str) -> None:
    with pytest.raises(SpecError, match=word):
        DataSpec.build({"remedies": [remedy]})


def test_the_same_remedy_twice_is_refused() -> None:
    with pytest.raises(SpecError, match="same keep_first twice"):
        RunSpec().with_overrides(['data.remedies+={"kind":"keep_first"}'] * 2)


def test_adding_to_what_is_no_list_is_refused() -> None:
    with pytest.raises(SpecError, match=r"data\.demo\.seed\+= adds to a list"):
        RunSpec().with_overrides(["data.demo.seed+=3"])


def test_a_spec_with_remedies_survives_its_file() -> None:
    spec = RunSpec().with_overrides(
        [
            'data.remedies+={"kind":"drop_times","times":["2025-06-01T06:00Z"]}',
            'data.remedies+={"kind":"infill_time","variable":"surf_2t"}',
        ]
    )
    assert RunSpec.model_validate_json(spec.to_json()) == spec
    assert RunSpec.model_validate_json(RunSpec().to_json()).data.remedies == ()
