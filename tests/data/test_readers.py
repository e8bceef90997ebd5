from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aurora_dash.data.readers import BLOCK_BYTES, read_file
from aurora_dash.errors import DataError

MANY_HANDLES = """
import gc, sys, threading
from pathlib import Path
from aurora_dash.data.open import open_files
paths = [Path(p) for p in sys.argv[1:]]
kept, failures = [], []
def work():
    try:
        for turn in range(6):
            opened = open_files(paths)
            float(opened.dataset["atmos_t"].isel(time=turn).mean())
            kept.append(opened)
            if turn % 2:
                kept.pop(0).close()
            gc.collect()
    except BaseException as error:
        failures.append(error)
threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
sys.exit(str(failures) if failures else 0)
"""


@pytest.mark.slow
def test_one_file_may_be_open_many_times_in_many_threads(norway_files: tuple[Path, Path]) -> None:
    # With netCDF-C this ends in a segmentation fault: the files hold strings (expver).
    command = [sys.executable, "-c", MANY_HANDLES, *map(str, norway_files)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]


def test_a_small_file_is_read_in_its_own_blocks(norway_files: tuple[Path, Path]) -> None:
    parts, findings = read_file(norway_files[0])
    assert findings == []
    assert parts[0].dataset["t"].chunks == ((20,), (4,), (61,), (61,))


@pytest.mark.parametrize(
    ("shape", "in_file", "expected"),
    [
        # One time is larger than a block: single times.
        ((6, 600, 600), (1, 600, 600), 1),
        # Two times fit 1 MiB: 2 * 4 * 300 * 300 bytes, three do not; the file's blocks hold one.
        ((6, 300, 300), (1, 300, 300), 2),
        # The file's own blocks of 3 are kept whole.
        ((6, 300, 300), (3, 300, 300), 3),
        # Blocks that hold all times of a corner are too large to be kept whole.
        ((1000, 200, 200), (1000, 10, 10), BLOCK_BYTES // (4 * 200 * 200)),
    ],
)
def test_blocks_are_whole_fields_of_a_bounded_number_of_times(
    tmp_path: Path, shape: tuple[int, ...], in_file: tuple[int, ...], expected: int
) -> None:
    path = tmp_path / "x.nc"
    dataset = xr.Dataset({"t2m": (("time", "lat", "lon"), np.zeros(shape, dtype=np.float32))})
    dataset.to_netcdf(path, engine="h5netcdf", encoding={"t2m": {"chunksizes": in_file}})
    chunks = read_file(path)[0][0].dataset["t2m"].chunks
    assert chunks is not None
    assert chunks[0][0] == expected
    assert chunks[1:] == ((shape[1],), (shape[2],))


def test_dates_that_cannot_be_decoded_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dates.nc"
    dataset = xr.Dataset({"t2m": ("time", [1.0])}, coords={"time": [10**15]})
    dataset["time"].attrs["units"] = "centuries since yesterday"
    dataset.to_netcdf(path)
    with pytest.raises(DataError, match=r"dates\.nc .*can't be decoded") as error:
        read_file(path)
    assert "units" in error.value.remedy


def test_an_hdf5_file_of_another_program_opens_without_names(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros((3, 4))
    parts, _ = read_file(path)
    assert list(parts[0].dataset.data_vars) == ["weights"]
