"""How long a classic NetCDF file ought to be, from its header.

netCDF-C reads whatever is missing from a classic file as zeros, without an error, so a file that
was cut short looks like weather. The header is walked as the format's specification lays it down
("The NetCDF Classic Format Specification", versions 1, 2 and 5).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}


class HeaderError(Exception):
    """The header itself is cut short or makes no sense."""


@dataclass(frozen=True)
class _Variable:
    begin: int
    record_shape: tuple[int, ...]
    item_size: int
    is_record: bool

    @property
    def size(self) -> int:
        """Bytes of the variable, or of one record of it, without padding."""
        return self.item_size * math.prod(self.record_shape)


def promised_size(path: Path) -> int:
    """Bytes up to the end of the last value that the header announces.

    Trailing padding is not counted, since writers may leave it out. `HeaderError` if the header
    can't be read to its end.
    """
    with path.open("rb") as file:
        return _Header(file).data_end()


class _Header:
    """One walk through a header; every number is big-endian."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._version = self._take(4)[3]
        # Version 5 widens counts to 64 bits; version 2 already does so for offsets.
        self._count = ">Q" if self._version == 5 else ">I"
        self._offset = ">I" if self._version == 1 else ">Q"

    def data_end(self) -> int:
        num_records = self._number(self._count)
        streaming = num_records == 256 ** struct.calcsize(self._count) - 1
        lengths = [self._dimension() for _ in range(self._list_length())]
        self._skip_attributes()
        variables = [self._variable(lengths) for _ in range(self._list_length())]
        records = [v for v in variables if v.is_record]
        # A single record variable is not padded between records.
        stride = records[0].size if len(records) == 1 else sum(_padded(v.size) for v in records)
        last = 0 if streaming else num_records
        ends = [v.begin + v.size for v in variables if not v.is_record]
        if last:
            ends += [v.begin + (last - 1) * stride + v.size for v in records]
        return max(ends, default=self._file.tell())

    def _dimension(self) -> int:
        self._skip_name()
        return self._number(self._count)

    def _variable(self, lengths: list[int]) -> _Variable:
        self._skip_name()
        rank = self._number(self._count)
        ids = [self._number(self._count) for _ in range(rank)]
        self._skip_attributes()
        item_size = self._item_size()
        self._number(self._count)  # vsize, which overflows for large variables
        begin = self._number(self._offset)
        try:
            shape = [lengths[i] for i in ids]
        except IndexError as error:
            raise HeaderError("a variable has an unknown dimension") from error
        is_record = bool(shape) and shape[0] == 0
        return _Variable(begin, tuple(shape[1:] if is_record else shape), item_size, is_record)

    def _skip_attributes(self) -> None:
        for _ in range(self._list_length()):
            self._skip_name()
            item_size = self._item_size()
            self._take(_padded(item_size * self._number(self._count)))

    def _list_length(self) -> int:
        self._number(">I")  # the tag that says which list this is
        return self._number(self._count)

    def _item_size(self) -> int:
        code = self._number(">I")
        if code not in _TYPE_SIZES:
            raise HeaderError(f"{code} is not a type of the format")
        return _TYPE_SIZES[code]

    def _skip_name(self) -> None:
        self._take(_padded(self._number(self._count)))

    def _number(self, layout: str) -> int:
        value: int = struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        return value

    def _take(self, size: int) -> bytes:
        if size > 2**28:
            raise HeaderError(f"an entry of {size} bytes makes no sense")
        content = self._file.read(size)
        if len(content) < size:
            raise HeaderError("it ends within the header")
        return content


def _padded(size: int) -> int:
    return (size + 3) // 4 * 4
