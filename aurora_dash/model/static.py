"""Aurora's static files, read without executing them.

They are pickles of a dictionary of arrays. A pickle may call any function it names; this reader
knows only the handful that rebuild numpy arrays and refuses a file that names another.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.errors import CheckpointError

# numpy 2 moved its internals from `numpy.core` to `numpy._core`; files name either.
_ADMITTED = frozenset(
    {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
    | {
        (f"numpy.{core}.{module}", name)
        for core in ("core", "_core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    }
)
_NUMERIC_KINDS = "biuf"


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds arrays; any other global in the stream ends the reading before it is imported."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        if (module, name) == ("_codecs", "encode"):
            return _encode_latin1
        return super().find_class(module, name)  # type: ignore[no-any-return]


def _encode_latin1(text: str, encoding: str) -> bytes:
    """How old pickles spell bytes; no other codec is let through."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it uses the codec {encoding!r}")
    return text.encode("latin-1")


def read_static(path: Path) -> dict[str, NDArray[Any]]:
    """Static fields by name, each of shape (latitude, longitude).

    Raises `CheckpointError` for a file that holds anything but numeric arrays; nothing in the
    file is executed.
    """
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
    except OSError as error:
        raise CheckpointError(f"Can't read {path}: {error.strerror or error}.") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"Refused to load {path}: a static file holds arrays only, but {error}.",
            remedy="Fetch the file again from the hub; don't load one from an unknown source.",
        ) from error
    except (EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is not a static file, or is damaged: {error}.", remedy="Fetch it again."
        ) from error
    return _checked(content, path)


def _checked(content: object, path: Path) -> dict[str, NDArray[Any]]:
    if not isinstance(content, dict) or not content:
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}; expected a dictionary of named arrays."
        )
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            found = f"{name!r}: {type(value).__name__}"
            raise CheckpointError(f"{path} holds {found}; expected arrays by name.")
        if value.dtype.kind not in _NUMERIC_KINDS or value.ndim != 2:
            raise CheckpointError(
                f"{path}: {name!r} has type {value.dtype} and shape {value.shape}; expected "
                "numbers of shape (latitude, longitude)."
            )
    return content
