from __future__ import annotations

import gzip
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aurora_dash.data.formats import FileFormat, detect_format, is_named_otherwise, looks_like_data
from aurora_dash.errors import DataError, PathError


def test_the_real_files_are_recognised_by_content(
    norway_files: tuple[Path, Path], western_usa_file: Path, iberia_tp_file: Path
) -> None:
    assert [detect_format(path) for path in norway_files] == [FileFormat.NETCDF_HDF5] * 2
    assert detect_format(western_usa_file) is FileFormat.GRIB
    assert detect_format(iberia_tp_file) is FileFormat.NETCDF_CLASSIC


@pytest.mark.parametrize("version", [1, 2, 5])
def test_all_versions_of_classic_netcdf_are_known(tmp_path: Path, version: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"CDF" + bytes([version]) + bytes(40))
    assert detect_format(path) is FileFormat.NETCDF_CLASSIC


def test_a_bulletin_header_before_the_first_message_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\x01\r\r\n123 HTXA85 ECMF 010000\r\r\nGRIB\x00\x00\x00\x01" + bytes(99))
    assert detect_format(path) is FileFormat.GRIB


def _others() -> dict[str, tuple[bytes, str]]:
    return {
        "empty": (b"", "empty file"),
        "text": (b"time,t2m\n0,280\n", "text file"),
        "mentions GRIB": (b"This folder holds GRIB files.", "text file"),
        "json": (b'{"error": "request failed"}', "request failed"),
        "html": (b"\n<!DOCTYPE html><html>", "web page"),
        "gzip": (gzip.compress(b"CDF"), "gzip"),
        "pickle": (pickle.dumps({"a": 1}), "pickle"),
        "numpy": (b"\x93NUMPY\x01\x00", "NumPy"),
        "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        "bufr": (b"BUFR\x00\x00\x01\x04", "BUFR"),
        "binary": (bytes([7, 0, 255, 3]), "07 00 ff 03"),
        "latin text cut in a letter": ("ü".encode() * 2047 + b"\xc3", "text file"),
    }


@pytest.mark.parametrize("kind", list(_others()))
def test_a_file_that_is_not_what_its_name_says_is_named_for_what_it_is(
    tmp_path: Path, kind: str
) -> None:
    content, expected = _others()[kind]
    path = tmp_path / "era5.nc"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        detect_format(path)
    assert str(path) in error.value.message
    assert expected in error.value.message
    assert error.value.remedy


def test_a_zip_as_the_cds_sends_it_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "download.nc"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data_stream-oper.nc", b"CDF\x01")
    with pytest.raises(DataError) as error:
        detect_format(path)
    assert "ZIP" in error.value.message
    assert "Unpack" in error.value.remedy


def test_an_array_file_with_pickled_objects_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="NumPy"):
        detect_format(path)


def test_a_file_that_cannot_be_read_is_a_path_error(tmp_path: Path) -> None:
    with pytest.raises(PathError, match=r"gone\.nc"):
        detect_format(tmp_path / "gone.nc")


@pytest.mark.parametrize(
    ("name", "detected", "otherwise"),
    [
        ("a.nc", FileFormat.NETCDF_HDF5, False),
        ("a.nc", FileFormat.GRIB, True),
        ("a.grib", FileFormat.GRIB, False),
        ("a.GRB2", FileFormat.NETCDF_CLASSIC, True),
        ("a.dat", FileFormat.GRIB, False),
        ("a", FileFormat.NETCDF_HDF5, False),
    ],
)
def test_only_a_name_that_promises_another_format_is_a_mismatch(
    name: str, detected: FileFormat, otherwise: bool
) -> None:
    assert is_named_otherwise(Path(name), detected) is otherwise


def test_a_damaged_file_in_a_folder_still_counts_as_data(tmp_path: Path) -> None:
    (tmp_path / "broken.nc").write_bytes(b"")
    (tmp_path / "data").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "words.txt").write_bytes(b"words")
    found = [entry.name for entry in sorted(tmp_path.iterdir()) if looks_like_data(entry)]
    assert found == ["broken.nc", "data"]
