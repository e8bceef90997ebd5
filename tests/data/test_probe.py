"""Files that must not reach a native library of this process, each told by another process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from aurora_dash.data import probe
from aurora_dash.data.open import open_files
from aurora_dash.data.probe import unsound
from aurora_dash.errors import DataError

HDF5 = "NetCDF-4 (HDF5)"


def test_a_sound_file_passes_and_is_remembered(small_file: Callable[..., Path]) -> None:
    path = small_file()
    assert unsound(path, HDF5) is None
    before = probe._asked.cache_info().hits
    assert unsound(path, HDF5) is None
    assert probe._asked.cache_info().hits == before + 1


def test_values_in_another_file_are_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"01234567" * 4)
    linked, outside = tmp_path / "linked.nc", tmp_path / "outside.nc"
    with h5py.File(linked, "w") as file:
        file["t2m"] = h5py.ExternalLink(str(tmp_path / "other.nc"), "/t2m")
    with h5py.File(outside, "w") as file:
        file.create_dataset(
            "t2m", shape=(4,), dtype="f8", external=[(str(tmp_path / "secret"), 0, 32)]
        )
    for path in (linked, outside):
        with pytest.raises(DataError, match="another file"):
            open_files([path])


def test_an_axis_of_absurd_length_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("latitude", shape=(2**45,), dtype="f8", chunks=(1024,))
    with pytest.raises(DataError, match="35184372088832 values on one axis"):
        open_files([path])


def test_a_process_that_died_is_started_anew(
    small_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unsound(small_file("first.nc"), HDF5) is None
    process = probe._PROCESS._process
    assert process is not None
    # Stopped, it looks like a library that never returns.
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(probe, "_SECONDS", 0.3)
    problem = unsound(small_file("second.nc"), HDF5)
    assert problem is not None
    assert "still busy" in problem
    monkeypatch.undo()
    path = small_file("third.nc", lambda d: d + np.float32(1))
    assert unsound(path, HDF5) is None
