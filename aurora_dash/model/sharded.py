"""Checkpoints whose tensors lie in parts, one file a process, as FSDP saves them.

Each file of such a checkpoint has a mark in place of a tensor that was split; the parts are in
``__0_0.distcp``, ``__1_0.distcp`` and so on, in the format of `torch.distributed.checkpoint`, and
``.metadata`` says what lies where. Reading needs no process group and gives whole tensors.
"""

from __future__ import annotations

import collections
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint import filesystem as storage_module
from torch.distributed.checkpoint import metadata as metadata_module
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, StorageMeta, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load

from aurora_dash.errors import CheckpointError

MARK = "__in_parts__"
"""Key of a table that stands for a tensor; its value is the tensor's name among the parts."""
PARTS_SUFFIX = ".distcp"
METADATA_FILE = ".metadata"

# All that a description of tensors is made of: nothing of it runs code.
_KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    # Where it was written, which nobody asks.
    ("pathlib", "PosixPath"): PurePosixPath,
    ("pathlib", "WindowsPath"): PureWindowsPath,
    ("torch", "Size"): torch.Size,
    ("torch.serialization", "_get_layout"): torch.serialization._get_layout,
    **{
        ("torch.distributed.checkpoint.metadata", name): getattr(metadata_module, name)
        for name in (
            "BytesStorageMetadata",
            "ChunkStorageMetadata",
            "Metadata",
            "MetadataIndex",
            "StorageMeta",
            "TensorProperties",
            "TensorStorageMetadata",
            "_MEM_FORMAT_ENCODING",
        )
    },
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"): storage_module._StorageInfo,
}


def is_of_parts(file_name: str) -> bool:
    """Whether a file of a checkpoint holds parts of tensors, or says where they are."""
    return file_name == METADATA_FILE or file_name.endswith(PARTS_SUFFIX)


def has_marks(state: object) -> bool:
    """Whether tensors of a state lie elsewhere, in parts."""
    return next(_marks(state), None) is not None


def with_tensors(state: Any, folder: Path) -> Any:
    """A state with the tensors for which it has marks, read whole from the parts in `folder`.

    `CheckpointError` if they are missing or damaged.
    """
    names = list(_marks(state))
    try:
        reader = _Reader(folder)
        known = reader.read_metadata().state_dict_metadata
        tensors = {name: _empty(known[name]) for name in names}
        with warnings.catch_warnings():
            # It says that there is no process group, which is how it should be.
            warnings.simplefilter("ignore", UserWarning)
            load(tensors, storage_reader=reader, no_dist=True)
    except (OSError, KeyError, pickle.UnpicklingError, RuntimeError) as error:
        raise CheckpointError(
            f"The parts of tensors in {folder} are damaged or missing: {error}.",
            remedy="Use another checkpoint of the run.",
        ) from error
    return _filled(state, tensors)


def _marks(state: object) -> Iterator[str]:
    if isinstance(state, dict):
        if MARK in state:
            yield state[MARK]
            return
        state = list(state.values())
    if isinstance(state, list | tuple):
        for value in state:
            yield from _marks(value)


def _filled(state: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(state, dict):
        if MARK in state:
            return tensors[state[MARK]]
        return {key: _filled(value, tensors) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_filled(value, tensors) for value in state)
    return state


def _empty(described: object) -> Tensor:
    if not isinstance(described, TensorStorageMetadata):
        raise KeyError(f"a {type(described).__name__} stands where a tensor should")
    return torch.empty(described.size, dtype=described.properties.dtype)


class _Reader(FileSystemReader):
    """Reads the description of the parts without running what a pickle may ask for."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        with (Path(self.path) / METADATA_FILE).open("rb") as file:
            metadata = _Unpickler(file).load()
        if not isinstance(metadata, Metadata):
            raise pickle.UnpicklingError(f"{METADATA_FILE} holds a {type(metadata).__name__}")
        metadata.storage_meta = metadata.storage_meta or StorageMeta()
        metadata.storage_meta.load_id = self.load_id
        return metadata


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and isinstance(kind := getattr(torch, name, None), torch.dtype):
            return kind
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no description needs")
