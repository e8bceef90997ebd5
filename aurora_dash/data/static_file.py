"""Aurora's static files, read without executing them.

They are pickles of a dictionary of arrays. A pickle may call any function it names, and even
numpy's own way of rebuilding an array trusts what it is given: a forged state ends in damaged
memory. So nothing of numpy is called here either. Names that such files need are answered with
stand-ins that only take notes; the arrays are then made from the notes, after a look at them.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.errors import CheckpointError

_TYPES = frozenset("b1 i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8".split())
_BYTE_ORDERS = frozenset("<>=|")

# What bytes that mean nothing make the unpickler stumble over.
_MEANINGLESS = (
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
)


class _Refused(pickle.UnpicklingError):
    """The stream asks for something that no static file needs."""


class _DtypeNotes:
    """Stands in for a `numpy.dtype`."""

    def __init__(self, code: object) -> None:
        if code not in _TYPES:
            raise _Refused(f"it has values of type {code!r}")
        self.code = str(code)
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.order, *nested = state
        if self.order not in _BYTE_ORDERS or any(part is not None for part in nested[:3]):
            raise _Refused(f"it has values of a composed type {state!r}")


class _ArrayNotes:
    """Stands in for a `numpy.ndarray`."""

    content: tuple[object, object, object, bool] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, data = state
        self.content = (shape, dtype, data, bool(by_columns))

    def to_array(self) -> NDArray[Any]:
        """The array that the notes describe, with memory of its own."""
        shape, dtype, data, by_columns = self.content or (None, None, None, False)
        if not isinstance(dtype, _DtypeNotes) or not isinstance(data, bytes | bytearray):
            raise _Refused("it holds an array that is no array of numbers")
        kind = np.dtype(dtype.order.replace("|", "=") + dtype.code)
        dims = shape if isinstance(shape, tuple) else ()
        # `type` and not `isinstance`: True is an int too.
        if not all(type(n) is int and n >= 0 for n in dims) or (
            math.prod(dims) * kind.itemsize != len(data)
        ):
            raise _Refused(f"it holds an array of shape {shape!r} with {len(data)} bytes")
        values = np.frombuffer(bytes(data), dtype=kind)
        return values.reshape(dims, order="F" if by_columns else "C").astype(kind.newbyteorder("="))


class _StandIn:
    """A function for the unpickler; made anew for each file, and not open to changes by it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _Refused("it tries to change a function")


def _reconstruct(kind: object, shape: object, code: object) -> _ArrayNotes:
    return _ArrayNotes()


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> _ArrayNotes:
    """How the newest pickles spell arrays."""
    notes = _ArrayNotes()
    notes.__setstate__((1, shape, dtype, order == "F", data))
    return notes


def _dtype(code: object, align: object = False, copy: object = False) -> _DtypeNotes:
    return _DtypeNotes(code)


def _encode(text: str, encoding: str) -> bytes:
    """How old pickles spell bytes; no other codec is let through."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"it uses the codec {encoding!r}")
    return text.encode("latin-1")


def _never(*arguments: object) -> object:
    raise _Refused("it makes an array in an unusual way")


_STAND_INS: Mapping[tuple[str, str], Callable[..., object]] = MappingProxyType(
    {
        ("numpy", "dtype"): _dtype,
        # Named as the class of an array, never called.
        ("numpy", "ndarray"): _never,
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("_codecs", "encode"): _encode,
    }
)


class _ArraysOnly(pickle.Unpickler):
    """Takes notes of arrays; any other name in the stream ends the reading, unimported."""

    def find_class(self, module: str, name: str) -> _StandIn:
        # numpy 2 moved its internals from `numpy.core` to `numpy._core`; files name either.
        function = _STAND_INS.get((module.replace("numpy._core", "numpy.core"), name))
        if function is None:
            raise _Refused(f"it names {module}.{name}")
        return _StandIn(function)


def read_static(path: Path) -> dict[str, NDArray[Any]]:
    """Static fields by name, each of shape (latitude, longitude).

    Raises `CheckpointError` for a file that holds anything but numeric fields; nothing in the
    file is executed.
    """
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
        if not isinstance(content, dict):
            raise _Refused(f"it is a {type(content).__name__}")
        return {_name(name): _field(name, notes) for name, notes in content.items()}
    except OSError as error:
        raise CheckpointError(f"Can't read {path}: {error.strerror or error}.") from error
    except _Refused as error:
        raise CheckpointError(
            f"Refused to load {path}: a static file is a dictionary of fields, but {error}.",
            remedy="Fetch the file again from the hub; don't load one from an unknown source.",
        ) from error
    except (pickle.UnpicklingError, *_MEANINGLESS) as error:
        raise CheckpointError(
            f"{path} is not a static file, or is damaged: {error}.", remedy="Fetch it again."
        ) from error


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise _Refused(f"it has a field called {name!r}")
    return name


def _field(name: object, notes: object) -> NDArray[Any]:
    if not isinstance(notes, _ArrayNotes):
        raise _Refused(f"{name!r} is a {type(notes).__name__}")
    values = notes.to_array()
    if values.ndim != 2:
        raise _Refused(f"{name!r} has shape {values.shape}, not (latitude, longitude)")
    return values
