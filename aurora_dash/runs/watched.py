"""The validation sample that is kept as training goes: what came true, and its forecasts.

The folder ``watched/`` of a run holds ``target.nc`` and ``step-00000120.nc``, in the classic NetCDF
that any tool opens. Free of torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aurora_dash.errors import RunError
from aurora_dash.runs.files import cannot_read, cannot_write, write_atomic
from aurora_dash.variables import Group

WATCHED_FOLDER = "watched"
TARGET_FILE = "target.nc"
_STEP_FILES = "step-*.nc"

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class WatchedField:
    """One variable, on one level if it has levels."""

    name: str
    group: Group
    level: float | None
    """hPa."""
    unit: str
    long_name: str

    @property
    def key(self) -> str:
        """As in the metrics: ``2t`` or ``t/850``."""
        return self.name if self.level is None else f"{self.name}/{self.level:g}"

    @property
    def stored(self) -> str:
        """Name in the files: ``surf_2t`` or ``atmos_t_850``."""
        return self.group.prefix + self.key.replace("/", "_")


@dataclass(frozen=True, kw_only=True)
class WatchedSample:
    """What all files of a folder have in common."""

    fields: tuple[WatchedField, ...]
    latitudes: tuple[float, ...]
    longitudes: tuple[float, ...]
    """Of the rows and columns that are written, degrees."""
    stride: int
    """One of so many rows and columns of the grid is written."""
    start: datetime
    """Newest input, UTC."""
    valid: datetime
    """What the forecast is for, UTC."""
    sample: int
    part: str

    @property
    def lead_hours(self) -> float:
        """From the newest input to what the forecast is for."""
        return (self.valid - self.start).total_seconds() / 3600


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The content of one file."""

    sample: WatchedSample
    values: Mapping[str, Values]
    """(H, W) by the key of the field, in physical units; NaN where there is no value."""
    errors: Mapping[str, float]
    """Root mean square errors of all points of the grid by key, weighted by area; of a forecast."""
    step: int | None = None
    """Optimiser steps that the weights had; None: the target."""


class WatchedFolder:
    """The folder of one run. Only the run's owner changes it."""

    def __init__(self, run_folder: Path) -> None:
        self.path = run_folder / WATCHED_FOLDER

    def steps(self) -> tuple[int, ...]:
        """Of which steps forecasts are kept, in their order."""
        names = (path.stem.removeprefix("step-") for path in self.path.glob(_STEP_FILES))
        return tuple(sorted(int(name) for name in names if name.isdecimal()))

    def files(self, last_step: int) -> list[Path]:
        """The target and the forecasts up to a step."""
        target = self.path / TARGET_FILE
        kept = [self._path(step) for step in self.steps() if step <= last_step]
        return [target, *kept] if target.exists() else []

    def written(self, step: int | None = None) -> int | None:
        """When a forecast, or the target, was written, in ns since 1970; None if it is absent."""
        path = self.path / TARGET_FILE if step is None else self._path(step)
        try:
            return path.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def target(self) -> Kept | None:
        """What came true; None before the first validation. `RunError` if it can't be read."""
        path = self.path / TARGET_FILE
        return _read(path) if path.exists() else None

    def forecast(self, step: int) -> Kept:
        """What the weights of a step forecast; `RunError` if it can't be read."""
        return _read(self._path(step))

    def write(self, target: Kept, forecast: Kept, *, keep: int) -> None:
        """Keep a forecast, its target once, and of the older forecasts the `keep` newest and the
        first of each doubling of the steps. `RunError` if the system refuses.

        What is there of another sample, of other variables or points is removed.
        """
        assert forecast.step is not None
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self._sample() != target.sample:
                self._remove(self.steps())
                write_atomic(self.path / TARGET_FILE, _packed(target))
            write_atomic(self._path(forecast.step), _packed(forecast))
            self._remove(_outdated(self.steps(), keep))
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def forget_after(self, step: int) -> None:
        """Remove what later steps forecast; a run that goes on takes them again."""
        try:
            self._remove(later for later in self.steps() if later > step)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _sample(self) -> WatchedSample | None:
        """Of which sample there are files; None too where they can't be read."""
        try:
            target = self.target()
        except RunError:
            return None
        return target.sample if target else None

    def _remove(self, steps: Iterable[int]) -> None:
        for step in steps:
            self._path(step).unlink(missing_ok=True)

    def _path(self, step: int) -> Path:
        return self.path / f"step-{step:08d}.nc"


def _outdated(steps: tuple[int, ...], keep: int) -> list[int]:
    """Steps that are neither among the newest nor the first of a doubling: 0, 1, 2-3, 4-7, ..."""
    first: dict[int, int] = {}
    for step in steps:
        first.setdefault(step.bit_length(), step)
    return [step for step in steps[:-keep] if step not in first.values()]


def _netcdf(content: Path | BytesIO, mode: str) -> Any:
    from scipy.io import netcdf_file  # type: ignore[attr-defined]

    # Offsets of 64 bits; no map of the file, which what is read here would outlive.
    return netcdf_file(content, mode, mmap=False, version=2)  # type: ignore[no-untyped-call]


def _packed(kept: Kept) -> bytes:
    """A file's content."""
    sample, content = kept.sample, BytesIO()
    file = _netcdf(content, "w")
    file.Conventions = "CF-1.8"
    file.title = "What came true" if kept.step is None else f"Forecast at step {kept.step}"
    # JSON, because attributes hold ASCII alone.
    file.about = json.dumps(
        {
            "step": kept.step,
            "sample": sample.sample,
            "part": sample.part,
            "stride": sample.stride,
            "start": sample.start.isoformat(),
            "valid": sample.valid.isoformat(),
        }
    )
    for name, axis, unit in (
        ("latitude", sample.latitudes, "degrees_north"),
        ("longitude", sample.longitudes, "degrees_east"),
    ):
        file.createDimension(name, len(axis))
        stored = file.createVariable(name, "f8", (name,))
        stored[:] = axis
        stored.units, stored.standard_name = unit, name
    for field in sample.fields:
        _put(file, field, kept)
    file.flush()
    return content.getvalue()


def _put(file: Any, field: WatchedField, kept: Kept) -> None:
    stored = file.createVariable(field.stored, "f4", ("latitude", "longitude"))
    stored[:] = kept.values[field.key]
    stored.units = field.unit.encode()
    stored.about = json.dumps(asdict(field))
    if field.key in kept.errors:
        # A plain number would become one of 32 bits.
        stored.rmse = np.float64(kept.errors[field.key])


def _read(path: Path) -> Kept:
    try:
        with _netcdf(path, "r") as file:
            return _content(file)
    except OSError as error:
        raise cannot_read(path, error) from error
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise RunError(
            f"{path} is damaged: {error}.",
            remedy="Remove it; a validation writes it anew.",
        ) from error


def _content(file: Any) -> Kept:
    fields, values, errors = [], {}, {}
    for stored in file.variables.values():
        if not hasattr(stored, "about"):
            continue
        told = json.loads(stored.about)
        field = WatchedField(**told | {"group": Group(told["group"])})
        fields.append(field)
        values[field.key] = stored[:].astype(np.float32)
        if hasattr(stored, "rmse"):
            errors[field.key] = float(stored.rmse)
    about = json.loads(file.about)
    sample = WatchedSample(
        fields=tuple(fields),
        latitudes=tuple(file.variables["latitude"][:].tolist()),
        longitudes=tuple(file.variables["longitude"][:].tolist()),
        stride=about["stride"],
        start=datetime.fromisoformat(about["start"]),
        valid=datetime.fromisoformat(about["valid"]),
        sample=about["sample"],
        part=about["part"],
    )
    return Kept(sample=sample, values=values, errors=errors, step=about["step"])
