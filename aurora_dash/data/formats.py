"""What a file is, by its content and never by its name.

The signatures are those of the formats' own specifications. Two kinds of damage pass silently
through the libraries that read the fields, so they are looked for here: a classic NetCDF file
that was cut short reads as zeros, and a GRIB file cut between two messages reads as a shorter one.
"""

from __future__ import annotations

import zipfile
from enum import StrEnum
from pathlib import Path

from aurora_dash.data.places import is_zarr_store
from aurora_dash.errors import DataError, PathError

DATA_SUFFIXES = frozenset(
    {".nc", ".nc3", ".nc4", ".cdf", ".netcdf", ".grib", ".grib1", ".grib2", ".grb", ".grb1"}
    | {".grb2", ".gb", ".gb2"}
)
_GRIB_SUFFIXES = frozenset({".grib", ".grib1", ".grib2", ".grb", ".grb1", ".grb2", ".gb", ".gb2"})

_HEAD_BYTES = 4096
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS = (0, 512, 1024, 2048)

_OTHER_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive", "Unpack it (the CDS packs files so) and give what is in it."),
    (b"PK\x05\x06", "an empty ZIP archive", "Download the data again."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it with gunzip or tar first."),
    (b"BZh", "a bzip2 archive", "Unpack it with bunzip2 first."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it with unzstd first."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it with unxz first."),
    (b"\x0e\x03\x13\x01", "an HDF4 file", "Convert it to NetCDF-4."),
    (b"\x93NUMPY", "a NumPy array file", "Save it as NetCDF, with coordinates and names."),
    (b"PAR1", "a Parquet table", "Give gridded data in NetCDF or GRIB."),
    (b"%PDF", "a PDF document", ""),
    (b"\x89PNG", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"BUFR", "a BUFR file (observations, not fields)", "Give gridded data in NetCDF or GRIB."),
)  # fmt: skip


class FileFormat(StrEnum):
    """A format that can be read."""

    NETCDF_CLASSIC = "NetCDF classic"
    NETCDF_HDF5 = "NetCDF-4 (HDF5)"
    GRIB = "GRIB"
    ZARR = "Zarr"


def detect_format(path: Path) -> FileFormat:
    """The format of the file's content, or that of a folder that is a store.

    `DataError` says what the file is instead if it is none that can be read, `PathError` that it
    can't be opened.
    """
    if path.is_dir() and is_zarr_store(path):
        return FileFormat.ZARR
    head = _read_head(path)
    known = FileFormat.ZARR if _is_zipped_store(path, head) else _known_format(head)
    if known is not None:
        return known
    found, remedy = _describe_other(head)
    raise DataError(
        f"{path} is {found}, not NetCDF, GRIB or Zarr.",
        remedy=remedy or "Give weather data in NetCDF, GRIB or Zarr.",
    )


def looks_like_data(path: Path) -> bool:
    """Whether a file in a folder is meant as data: by its content, or by its name if damaged.

    Of folders only Zarr stores are.
    """
    if path.is_dir():
        return is_zarr_store(path)
    if path.suffix.lower() in DATA_SUFFIXES:
        return True
    head = _read_head(path)
    return _known_format(head) is not None or _is_zipped_store(path, head)


def is_named_otherwise(path: Path, detected: FileFormat) -> bool:
    """Whether the name promises another format than the content is."""
    suffix = path.suffix.lower()
    if suffix not in DATA_SUFFIXES:
        return False
    if detected is FileFormat.ZARR:
        return True
    return (suffix in _GRIB_SUFFIXES) != (detected is FileFormat.GRIB)


def promised_bytes(path: Path) -> int | None:
    """The length that an HDF5 file's superblock gives; None if there is none to be read."""
    return _hdf5_end_of_file(_read_head(path))


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise PathError(f"{path} can't be read: {error.strerror}.") from error


def _known_format(head: bytes) -> FileFormat | None:
    if head[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
        return FileFormat.NETCDF_CLASSIC
    if any(head[offset : offset + 8] == _HDF5_SIGNATURE for offset in _HDF5_OFFSETS):
        return FileFormat.NETCDF_HDF5
    # A bulletin header may stand before the first message; byte 8 of a message is its edition.
    start = head.find(b"GRIB")
    if start >= 0 and head[start + 7 : start + 8] in (b"\x01", b"\x02"):
        return FileFormat.GRIB
    return None


def _is_zipped_store(path: Path, head: bytes) -> bool:
    """Whether a ZIP archive holds a Zarr group at its root; its content is not unpacked."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return not {"zarr.json", ".zgroup", ".zmetadata"}.isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _describe_other(head: bytes) -> tuple[str, str]:
    if not head:
        return "an empty file (0 bytes)", "Download it again."
    for signature, name, remedy in _OTHER_FORMATS:
        if head.startswith(signature):
            return name, remedy
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle", "Pickles are never opened: they can run code."
    text = _as_text(head)
    if text is not None:
        return _describe_text(text)
    return f"a binary file of an unknown kind (it begins with {head[:8].hex(' ')})", ""


def _as_text(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return None
        text = head[: error.start].decode("utf-8")
    return None if any(ord(c) < 32 and c not in "\t\r\n\f" for c in text) else text


def _describe_text(text: str) -> tuple[str, str]:
    start = " ".join(text.split())[:60]
    lowered = start.lower()
    if lowered.startswith(("<!doctype html", "<html")):
        return "a web page (HTML)", "The download gave an error page: download the data again."
    if lowered.startswith("version https://git-lfs"):
        return "a Git LFS pointer", "Fetch the content with git lfs pull."
    return f"a text file (it begins with {start!r})", ""


def _hdf5_end_of_file(head: bytes) -> int | None:
    """Address of the end of the file in an HDF5 superblock (format specification, section II.A)."""
    offset = next((o for o in _HDF5_OFFSETS if head[o : o + 8] == _HDF5_SIGNATURE), None)
    if offset is None or len(head) < offset + 64:
        return None
    version = head[offset + 8]
    if version in (0, 1):
        width, start = head[offset + 13], offset + (24 if version == 0 else 28)
        start += 2 * width
    else:
        width, start = head[offset + 9], offset + 12 + 2 * head[offset + 9]
    return int.from_bytes(head[start : start + width], "little")
