"""A model as plain `aurora` takes it: weights, the arguments to build it, its statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from aurora_dash.errors import CheckpointError
from aurora_dash.model.build import BuiltModel, constructor_options
from aurora_dash.model.lora import merge_lora
from aurora_dash.model.statistics import ModelStatistics, Pair
from aurora_dash.model.weights import StateDict
from aurora_dash.spec import RunSpec

# Its `load_checkpoint_local` (microsoft-aurora 2.0.1) overwrites one embedding with another.
_REWRITES_ON_LOADING = "AuroraAirPollution"


@dataclass(frozen=True, kw_only=True)
class PlainModel:
    """What it takes to have the model without this project."""

    class_name: str
    options: Mapping[str, Any]
    """Arguments of the class."""
    surface_statistics: Mapping[str, Pair]
    """Of surface and static variables, where they are not Aurora's own."""
    atmospheric_statistics: Mapping[str, Pair]
    """By name and level, as ``w_500``, where they are not Aurora's own."""
    weights: StateDict

    @classmethod
    def of(cls, built: BuiltModel, spec: RunSpec) -> PlainModel:
        """A model that was built from `spec`, its LoRA merged; tensors may be shared."""
        surface, atmospheric = _own_statistics(built.statistics)
        return cls(
            class_name=spec.model.catalogue_entry.class_name,
            options=constructor_options(spec, built.size),
            surface_statistics=surface,
            atmospheric_statistics=atmospheric,
            weights=merge_lora(built.state_dict()),
        )

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(value.numel() for value in self.weights.values())

    def options_as_json(self) -> dict[str, Any]:
        """The arguments as plain data: hours for durations, names for number types."""
        return {name: _plain(value) for name, value in self.options.items()}

    def save(self, path: Path) -> str:
        """Write the weights as one flat dictionary; returns the SHA-256 of the file."""
        try:
            torch.save(self.weights, path)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(
                f"Can't write {path}: {str(error).splitlines()[0]}.",
                remedy="Free some disk space or choose another folder.",
            ) from error
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def snippet(self, filename: str) -> str:
        """Python that builds the model with plain aurora and loads the file."""
        lines = ["from datetime import timedelta", "", "import aurora", "import torch"]
        if self.atmospheric_statistics:
            lines += ["from aurora.normalisation import locations, scales", ""]
            lines += ["# Statistics of atmospheric variables, by name and level."]
            for key, (mean, std) in self.atmospheric_statistics.items():
                lines.append(f"locations[{key!r}], scales[{key!r}] = {mean!r}, {std!r}")
        lines += ["", f"model = aurora.{self.class_name}("]
        lines += [f"    {name}={_code(value)}," for name, value in self.options.items()]
        if self.surface_statistics:
            lines.append(f"    surf_stats={dict(self.surface_statistics)!r},")
        lines += [")", f"model.load_checkpoint_local({filename!r})"]
        if self.class_name == _REWRITES_ON_LOADING:
            lines += [
                "# The line above replaces the embedding of z by that of static_z, as the",
                "# published checkpoint wants it; this puts back what was trained.",
                f"model.load_state_dict(torch.load({filename!r}, weights_only=True))",
            ]
        return "\n".join([*lines, "model.eval()"])


def _own_statistics(statistics: ModelStatistics) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """Those that plain aurora does not have by itself."""
    from aurora.normalisation import locations, scales

    def changed(pairs: Mapping[str, Pair]) -> dict[str, Pair]:
        return {k: v for k, v in pairs.items() if v != (locations.get(k), scales.get(k))}

    return changed(statistics.surface), changed(statistics.atmospheric)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return {"hours": value / timedelta(hours=1)}
    return str(value).removeprefix("torch.") if isinstance(value, torch.dtype) else value


def _code(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"timedelta(hours={value / timedelta(hours=1):g})"
    return repr(value)
