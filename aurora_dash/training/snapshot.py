"""All of a training at one moment, and the files that hold it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, cast

import torch

from aurora_dash.model.saved import (
    META_FILE,
    MODEL_FILE,
    OPTIMISER_FILE,
    CheckpointMeta,
    file_digest,
    part_file,
)
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.model.weights import StateDict
from aurora_dash.runs.files import utc_now, write_atomic
from aurora_dash.training.host_copy import host_copy, num_bytes

_PACKAGES = ("torch", "microsoft-aurora")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All of a training at one moment; tensors are shared with it until `on_host`."""

    step: int
    epoch: float
    weights: StateDict
    optimiser: Mapping[str, Any]
    statistics: ModelStatistics
    device: str
    threads: int
    train_loss: float | None = None
    validation_loss: float | None = None
    validated: bool = False
    """Whether the validation that is due at this step was done."""
    best_loss: float | None = None
    best_metric: str = "loss"
    best_value: float | None = None
    best_step: int | None = None
    spec: Mapping[str, Any] | None = None
    """The run's spec, as plain data."""
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What else resuming needs, by name: tensors and plain values, as `Stateful` gives them."""

    @property
    def num_bytes(self) -> int:
        """Size of its tensors."""
        return sum(map(num_bytes, (self.weights, self.optimiser, self.parts)))

    def on_host(self) -> Snapshot:
        """A copy in the memory of the host, which shares nothing that training changes."""
        return replace(
            self,
            weights=host_copy(self.weights),
            optimiser=host_copy(self.optimiser),
            parts=host_copy(self.parts),
        )


def write_snapshot(folder: Path, snapshot: Snapshot, parts: Path | None = None) -> None:
    """All files of a checkpoint, on disk when this returns; `OSError` if they can't be written.

    The files in the folder `parts` join them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = {
        MODEL_FILE: snapshot.weights,
        OPTIMISER_FILE: snapshot.optimiser,
        **{part_file(name): state for name, state in snapshot.parts.items()},
    }
    digests = {name: _save(folder / name, content) for name, content in files.items()}
    if parts is not None:
        for path in sorted(parts.iterdir()):
            path.rename(folder / path.name)
            digests[path.name] = file_digest(folder / path.name)
        parts.rmdir()
    _write_meta(folder, snapshot, digests)


def _write_meta(folder: Path, snapshot: Snapshot, digests: dict[str, str]) -> None:
    meta = CheckpointMeta(
        step=snapshot.step,
        epoch=snapshot.epoch,
        train_loss=snapshot.train_loss,
        validation_loss=snapshot.validation_loss,
        validated=snapshot.validated,
        best_loss=snapshot.best_loss,
        best_metric=snapshot.best_metric,
        best_value=snapshot.best_value,
        best_step=snapshot.best_step,
        spec=None if snapshot.spec is None else dict(snapshot.spec),
        statistics=snapshot.statistics.to_dict(),
        sha256=digests,
        created=utc_now().isoformat(timespec="seconds"),
        device=snapshot.device,
        threads=snapshot.threads,
        versions=package_versions(),
    )
    write_atomic(folder / META_FILE, meta.model_dump_json(indent=2) + "\n", durable=True)


def package_versions() -> dict[str, str]:
    """Versions of what computes."""
    return {package: version(package) for package in _PACKAGES}


class _Digesting:
    """Hands on what is written to a file; knows its digest, and why writing failed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.problem: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            count = self._file.write(data)
        except OSError as error:
            self.problem = error
            raise
        self._hash.update(data)
        return count

    def flush(self) -> None:
        self._file.flush()

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hexadecimal."""
        return self._hash.hexdigest()


def _save(path: Path, content: Mapping[str, Any]) -> str:
    """Write a file, on disk when this returns; its digest."""
    with path.open("wb") as file:
        digesting = _Digesting(file)
        try:
            torch.save(dict(content), cast("IO[bytes]", digesting))
        except RuntimeError as error:
            # Torch's writer hides why the file below it refused.
            raise digesting.problem or error from error
        file.flush()
        os.fsync(file.fileno())
    return digesting.digest
