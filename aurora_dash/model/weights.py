"""Reading weights from files: tensors only, never code."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from aurora_dash.errors import CheckpointError

StateDict = dict[str, Tensor]

# What bytes that mean nothing make torch's unpickler stumble over.
_MEANINGLESS = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)


def read_tensors(path: Path) -> dict[str, object]:
    """What a file written by `torch.save` holds, read with ``weights_only=True`` to the CPU.

    Raises `CheckpointError` for a file that is missing, damaged or holds more than tensors and
    plain values; nothing in the file is executed.
    """
    try:
        content = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except OSError as error:
        raise CheckpointError(
            f"Can't read the checkpoint {path}: {error.strerror or error}.",
            remedy="Check the path.",
        ) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"Refused to load {path}: it is damaged, or holds more than weights "
            f"({_first_line(error)}).",
            remedy="Use a checkpoint of weights only; one that runs code is never loaded.",
        ) from error
    except _MEANINGLESS as error:
        raise CheckpointError(
            f"{path} is not a checkpoint, or is damaged: {_first_line(error)}.",
            remedy="Download or copy it again.",
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}; expected a dictionary of weights."
        )
    return content


def read_state_dict(path: Path) -> StateDict:
    """A flat dictionary of tensors, the format of Aurora's checkpoints."""
    content = read_tensors(path)
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path} is not in Aurora's format: {name!r} is a {type(value).__name__}; "
                "expected a flat dictionary of tensors.",
                remedy="If the weights are inside that entry, save it alone with torch.save.",
            )
    return content  # type: ignore[return-value]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(". ") if str(error).strip() else "no reason"
