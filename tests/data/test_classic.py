from __future__ import annotations

import contextlib
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora_dash.data.classic import HeaderError, promised_size

FORMATS = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")
TYPES = ("i1", "i2", "i4", "f4", "f8")


def _write(
    path: Path, layout: str, fixed: list[tuple[str, int]], records: list[str], num_records: int
) -> None:
    with netCDF4.Dataset(path, "w", format=layout) as dataset:
        dataset.title = "odd"
        dataset.createDimension("time", None)
        for number, (kind, size) in enumerate(fixed):
            dataset.createDimension(f"x{number}", size)
            variable = dataset.createVariable(f"fixed{number}", kind, (f"x{number}",))
            variable.units = "m"
            variable[:] = np.ones(size)
        dataset.createDimension("y", 3)
        for number, kind in enumerate(records):
            variable = dataset.createVariable(f"record{number}", kind, ("time", "y"))
            variable[:] = np.ones((num_records, 3))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    layout=st.sampled_from(FORMATS),
    fixed=st.lists(st.tuples(st.sampled_from(TYPES), st.integers(1, 9)), max_size=3),
    records=st.lists(st.sampled_from(TYPES), max_size=3),
    num_records=st.integers(1, 4),
)
def test_the_promised_size_is_what_netcdf_writes(
    tmp_path: Path, layout: str, fixed: list[tuple[str, int]], records: list[str], num_records: int
) -> None:
    path = tmp_path / "x.nc"
    _write(path, layout, fixed, records, num_records)
    # The library may pad the last value to four bytes.
    assert 0 <= path.stat().st_size - promised_size(path) <= 3


def test_the_real_classic_files_are_as_long_as_promised(
    iberia_tp_file: Path, cams_pm10_file: Path
) -> None:
    for path in (iberia_tp_file, cams_pm10_file):
        assert 0 <= path.stat().st_size - promised_size(path) <= 3


@pytest.mark.parametrize("length", [5, 20, 60, 200])
def test_a_header_that_ends_too_early_is_an_error(
    tmp_path: Path, iberia_tp_file: Path, length: int
) -> None:
    path = tmp_path / "x.nc"
    path.write_bytes(iberia_tp_file.read_bytes()[:length])
    with pytest.raises(HeaderError, match="ends within"):
        promised_size(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=0, max_size=200), version=st.sampled_from([1, 2, 5]))
def test_noise_never_does_worse_than_a_header_error(
    tmp_path: Path, noise: bytes, version: int
) -> None:
    path = tmp_path / "x.nc"
    path.write_bytes(b"CDF" + bytes([version]) + noise)
    with contextlib.suppress(HeaderError):
        assert promised_size(path) >= 0
