"""The checkpoints of a run as they lie on disk: names, content, verification.

    checkpoints/
      step-00000120/
        model.pt        weights, a flat state dict
        optimiser.pt    optimiser state
        <part>.pt       what else resuming needs, such as ``ema.pt``; only where a run has it
        meta.json       `CheckpointMeta`, with the checksums of the others
        __0_0.distcp, .metadata
                        tensors in parts, of a run whose weights were split (`model.sharded`)
      best, last        text files that hold the name of a checkpoint

Only `aurora_dash.training.checkpoints` writes here.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from aurora_dash.errors import CheckpointError
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.model.weights import StateDict, read_state_dict, read_tensors

FORMAT_VERSION = 1
MODEL_FILE = "model.pt"
OPTIMISER_FILE = "optimiser.pt"
META_FILE = "meta.json"
PART_SUFFIX = ".pt"
POINTERS = ("best", "last")

_NAME = re.compile(r"step-\d{8,}")
_PART = re.compile(r"[a-z][a-z0-9_]*")


class CheckpointMeta(BaseModel):
    """``meta.json``: what a checkpoint is and how it came about."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = FORMAT_VERSION
    step: int
    """Optimiser steps done."""
    epoch: float
    train_loss: float | None = None
    validation_loss: float | None = None
    validated: bool | None = None
    """Whether the validation that is due at this step was done; None: not told by older versions,
    where a validation loss tells it."""
    best_loss: float | None = None
    """Lowest validation loss of the run up to here."""
    best_metric: str = "loss"
    """What the best checkpoint is lowest in."""
    best_value: float | None = None
    """The lowest value of that up to here."""
    best_step: int | None = None
    """At which step that was."""
    spec: dict[str, Any] | None = None
    """The run's spec when this was saved; None in what older versions saved."""
    statistics: dict[str, dict[str, tuple[float, float]]]
    sha256: dict[str, str]
    """Checksums by file name; names the files of the parts."""
    created: str
    device: str
    threads: int
    """Threads and device are part of bit-identical resuming."""
    versions: dict[str, str]

    @property
    def was_validated(self) -> bool:
        """Whether the validation that is due at this step was done."""
        return self.validation_loss is not None if self.validated is None else self.validated

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of what the checkpoint holds beside weights and optimiser state."""
        files = (name for name in self.sha256 if name not in (MODEL_FILE, OPTIMISER_FILE))
        own = (name for name in files if name.endswith(PART_SUFFIX))
        return tuple(sorted(name.removesuffix(PART_SUFFIX) for name in own))

    @property
    def is_in_parts(self) -> bool:
        """Whether processes saved their parts of the tensors each (`model.sharded`)."""
        return ".metadata" in self.sha256

    @property
    def model_statistics(self) -> ModelStatistics:
        """Statistics that the weights were trained with."""
        return ModelStatistics.from_dict(self.statistics)


def checkpoint_name(step: int) -> str:
    """Name of the checkpoint made after `step` optimiser steps."""
    return f"step-{step:08d}"


def step_of(checkpoint: Path) -> int:
    """Optimiser steps that a checkpoint was made after, by its name."""
    return int(checkpoint.name.removeprefix("step-"))


def is_checkpoint_name(name: str) -> bool:
    """Whether a name is one that `checkpoint_name` gives; it holds no path parts."""
    return _NAME.fullmatch(name) is not None


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints in a run's checkpoints folder, oldest first."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if is_checkpoint_name(p.name) and (p / META_FILE).exists()]
    return sorted(found, key=step_of)


def find_checkpoint(folder: Path, name: str = "best") -> Path:
    """The folder of a checkpoint given as ``best``, ``last`` or ``step-...``.

    A run that ended before its first validation has no best one; the last stands in for it.
    `CheckpointError` names those that exist if there is none of that name.
    """
    target = _follow(folder, name) if name in POINTERS else name
    if name == "best" and not target:
        target = _follow(folder, "last")
    path = folder / target
    if is_checkpoint_name(target) and (path / META_FILE).exists():
        return path
    known = ", ".join(p.name for p in list_checkpoints(folder)) or "none"
    raise CheckpointError(
        f"There is no checkpoint {name!r} in {folder}; it holds {known}.",
        remedy="Choose one of those, or let the run train until it saves one.",
    )


def find_intact(folder: Path, name: str = "best") -> tuple[Path, str]:
    """Like `find_checkpoint`, but where the weights that a pointer names are damaged, the newest
    checkpoint before them that is not; and what was wrong with those, in words, else nothing.

    `CheckpointError` if none is intact. A checkpoint that is named itself is never replaced.
    """
    wanted = find_checkpoint(folder, name)
    if name not in POINTERS:
        return wanted, ""
    before = [p for p in list_checkpoints(folder) if step_of(p) < step_of(wanted)]
    problem: CheckpointError | None = None
    for path in (wanted, *reversed(before)):
        try:
            _verify(path / MODEL_FILE, read_meta(path).sha256)
        except CheckpointError as error:
            problem = problem or error
        else:
            return path, f"{name} is {wanted.name}, which is damaged" if problem else ""
    assert problem is not None
    raise problem


def _follow(folder: Path, pointer: str) -> str:
    try:
        return (folder / pointer).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def read_meta(checkpoint: Path) -> CheckpointMeta:
    """The description of a checkpoint; `CheckpointError` if it is missing or damaged."""
    path = checkpoint / META_FILE
    try:
        meta = CheckpointMeta.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"Can't read {path}: {error.strerror or error}.") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise CheckpointError(
            f"{path} is damaged: {problem}.", remedy="Use another checkpoint of the run."
        ) from error
    if meta.schema_version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {meta.schema_version}; this version reads up to {FORMAT_VERSION}.",
            remedy="Update Aurora Dash.",
        )
    return meta


def read_weights(checkpoint: Path, meta: CheckpointMeta | None = None) -> StateDict:
    """A checkpoint's weights, after its checksum was verified."""
    path = checkpoint / MODEL_FILE
    meta = meta or read_meta(checkpoint)
    if meta.is_in_parts:
        return _read_whole(path, meta)
    _verify(path, meta.sha256)
    return read_state_dict(path)


def read_optimiser(checkpoint: Path, meta: CheckpointMeta | None = None) -> dict[str, Any]:
    """A checkpoint's optimiser state, after its checksum was verified."""
    return _read_whole(checkpoint / OPTIMISER_FILE, meta or read_meta(checkpoint))


def part_file(name: str) -> str:
    """File name of a part of a checkpoint; `CheckpointError` for a name that can't be one."""
    if not _PART.fullmatch(name) or name + PART_SUFFIX in (MODEL_FILE, OPTIMISER_FILE):
        raise CheckpointError(
            f"{name!r} can't name a part of a checkpoint: expected lower-case letters, digits and "
            "underscores, and neither 'model' nor 'optimiser'."
        )
    return name + PART_SUFFIX


def read_part(checkpoint: Path, name: str, meta: CheckpointMeta | None = None) -> dict[str, Any]:
    """A part's state, after its checksum was verified; `CheckpointError` if there is none."""
    meta = meta or read_meta(checkpoint)
    if name not in meta.parts:
        raise CheckpointError(
            f"{checkpoint} holds no part {name!r}; it holds {', '.join(meta.parts) or 'none'}."
        )
    return _read_whole(checkpoint / part_file(name), meta)


def _read_whole(path: Path, meta: CheckpointMeta) -> dict[str, Any]:
    """What a file holds, after its checksum was verified, with tensors that lie in parts."""
    _verify(path, meta.sha256)
    content = read_tensors(path)
    if not meta.is_in_parts:
        return content
    from aurora_dash.model.sharded import has_marks, is_of_parts, with_tensors

    if not has_marks(content):
        return content
    for name in filter(is_of_parts, meta.sha256):
        _verify(path.with_name(name), meta.sha256)
    whole: dict[str, Any] = with_tensors(content, path.parent)
    return whole


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=256)
def _known_digest(path: Path, _stamp: tuple[int, int, int, int]) -> str:
    """The digest of a file, computed once for each change of it: weights take seconds."""
    return file_digest(path)


def _verify(path: Path, expected: Mapping[str, str]) -> None:
    try:
        now = path.stat()
        stamp = (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        found = _known_digest(path, stamp)
    except OSError as error:
        raise CheckpointError(f"Can't read {path}: {error.strerror or error}.") from error
    if found != expected.get(path.name):
        raise CheckpointError(
            f"{path} is damaged: its checksum {found[:12]}... is not the one it was saved with.",
            remedy="Use another checkpoint of the run, or copy the folder again.",
        )
