"""The backbone's Swin blocks compiled: fewer passes over the memory, after minutes of warm-up."""

from __future__ import annotations

import inspect
import os
import shutil

import torch

from aurora_dash.errors import ModelError
from aurora_dash.model.normalised import OwnStatistics

_BLOCK = "Swin3DTransformerBlock"
_COMPILERS = ("c++", "g++", "clang++", "cc", "gcc", "clang")

# A kind of block is compiled for each stage and shift, with and without gradients and for each
# grid; torch's default of 8 in all would quietly leave the rest as they are.
_MOST_KINDS = 128


def compile_blocks(module: OwnStatistics, *, backend: str = "inductor") -> int:
    """Have each Swin block compiled when it is first called; returns how many there are.

    Their weights, the names of these and what wraps them stay as they are. Raises `ModelError`
    where that can't work: without a C++ compiler, or with a torch that is too old.
    """
    if "recompile_limit" not in inspect.signature(torch.compile).parameters:
        raise ModelError(
            f"model.compile needs a newer torch than {torch.__version__}: this one can't be told "
            "for how many kinds of blocks it may compile.",
            remedy="Update torch, or switch model.compile off.",
        )
    if not _has_compiler():
        raise ModelError(
            f"model.compile needs a C++ compiler, and none of {', '.join(_COMPILERS)} is on the "
            "PATH, nor one in CXX.",
            remedy="Install one (such as the package g++), or switch model.compile off.",
        )
    blocks = [part for part in module.modules() if type(part).__name__ == _BLOCK]
    for block in blocks:
        block.compile(backend=backend, dynamic=False, recompile_limit=_MOST_KINDS)
    return len(blocks)


def _has_compiler() -> bool:
    named = os.environ.get("CXX", "")
    return any(shutil.which(name) for name in (named, *_COMPILERS) if name)
