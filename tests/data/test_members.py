from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.open import OpenedData, open_files
from aurora_dash.data.source import open_data
from aurora_dash.errors import DataError
from aurora_dash.spec import DataSpec
from aurora_dash.variants import get_variant

SmallFile = Callable[..., Path]


def _ensemble(axis: str, numbers: list[int] | None, standard_name: str = "") -> xr.Dataset:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        members = xr.DataArray(np.arange(3.0, dtype="f4") * 100, dims=axis)
        changed = dataset.assign({name: dataset[name] + members for name in ("t2m", "t")})
        for name in ("t2m", "t"):
            changed[name].attrs = dataset[name].attrs
        if numbers is not None:
            attributes = {"standard_name": standard_name} if standard_name else {}
            changed = changed.assign_coords({axis: (axis, numbers, attributes)})
        return changed

    return change  # type: ignore[return-value]


def _taken(opened: OpenedData) -> tuple[float, str, str]:
    finding = next(f for f in opened.findings if f.code == "member-taken")
    return float(opened.dataset["surf_2t"][0, 0, 0]), finding.severity, finding.message


@pytest.mark.parametrize("axis", ["number", "member", "realization", "ensemble"])
def test_the_first_member_is_taken_with_a_warning_that_says_so(
    small_file: SmallFile, axis: str
) -> None:
    opened = open_files([small_file(change=_ensemble(axis, [1, 2, 5]))])
    value, severity, message = _taken(opened)
    assert (value, severity) == (280, "warning")
    assert f"3 ensemble members ({axis} 1, 2, 5); member 1 was taken" in message
    (fix,) = next(f for f in opened.findings if f.code == "member-taken").fixes
    assert fix.assignments == ("data.member=1",)
    assert opened.dataset["atmos_t"].dims == ("time", "level", "latitude", "longitude")


def test_the_member_asked_for_is_taken_by_its_number(small_file: SmallFile) -> None:
    path = small_file(change=_ensemble("number", [1, 2, 5]))
    assert _taken(open_files([path], member=5))[:2] == (480, "info")
    data = DataSpec(source="files", paths=(str(path),), member=2)
    assert float(open_data(data, get_variant("small")).dataset["surf_2t"][0, 0, 0]) == 380


def test_members_without_numbers_are_counted_from_zero(small_file: SmallFile) -> None:
    path = small_file(change=_ensemble("member", None))
    assert _taken(open_files([path], member=2))[0] == 480


def test_an_axis_of_any_name_is_known_by_its_standard_name(small_file: SmallFile) -> None:
    path = small_file(change=_ensemble("ens", [0, 1, 2], "realization"))
    assert _taken(open_files([path], member=1))[0] == 380


def test_a_member_that_is_not_there_is_refused_with_those_that_are(small_file: SmallFile) -> None:
    path = small_file(change=_ensemble("number", [1, 2, 5]))
    with pytest.raises(DataError, match=r"no ensemble member 3.*are 1, 2, 5") as error:
        open_files([path], member=3)
    assert "data.member" in error.value.remedy


def test_a_single_member_is_taken_without_a_word(small_file: SmallFile) -> None:
    opened = open_files([small_file(change=lambda d: d.expand_dims(number=[3]))])
    assert "surf_2t" in opened.dataset
    assert "member-taken" not in [finding.code for finding in opened.findings]
