"""Of what an estimate is made: a spec without all that does not change its memory, and a grid.

Free of torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from aurora_dash import __version__
from aurora_dash.errors import SpecError
from aurora_dash.spec import DataSpec, HealthSpec, LoaderSpec, LossSpec, RunSpec
from aurora_dash.variants import Variant

if TYPE_CHECKING:
    import xarray as xr

DeviceKind = Literal["cpu", "cuda"]

_LAYOUT = 3
"""Grows with every change of what an estimate says or counts."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Points and levels of the samples that a step is taken on."""

    height: int
    width: int
    levels: tuple[float, ...]

    @classmethod
    def native(cls, variant: Variant) -> Self:
        """The globe at the resolution of a variant, all its levels."""
        size = variant.resolution_degrees
        return cls(height=round(180 / size), width=round(360 / size), levels=variant.levels)

    @classmethod
    def of_data(cls, datasets: Iterable[xr.Dataset]) -> Self:
        """Of canonical datasets the largest: grid and levels, no field is read."""
        shapes = [
            cls(
                height=dataset.sizes["latitude"],
                width=dataset.sizes["longitude"],
                levels=tuple(dataset["level"].values.tolist()) if "level" in dataset.coords else (),
            )
            for dataset in datasets
        ]
        return max(shapes, key=lambda shape: shape.height * shape.width * len(shape.levels))

    def changed(
        self,
        variant: Variant,
        *,
        grid: tuple[int, int] | None = None,
        num_levels: int | None = None,
    ) -> Shape:
        """With another grid or number of levels; `SpecError` if the variant has fewer."""
        height, width = grid or (self.height, self.width)
        levels = self.levels
        if num_levels is not None:
            if not 1 <= num_levels <= len(variant.levels):
                raise SpecError(
                    f"{num_levels} levels: {variant.title} knows 1 to {len(variant.levels)}."
                )
            levels = tuple(variant.levels[-num_levels:])
        return Shape(height=height, width=width, levels=levels)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One step of `spec`, on samples of `shape`."""

    spec: RunSpec
    shape: Shape
    device: DeviceKind
    """Whose rules of precision and whose kernels are assumed."""
    device_bytes: int = 0
    """Memory of the device, where the spec leaves to it in how many chunks a step is taken."""

    @classmethod
    def of(cls, spec: RunSpec, shape: Shape, device: DeviceKind, device_bytes: int) -> Self:
        """What a spec asks of memory; `SpecError` if the grid does not divide into patches."""
        height, width = spec.data.crop or (shape.height, shape.width)
        patch = spec.model.catalogue_entry.patch_size
        if width % patch or height % patch > 1 or min(height, width) < 2 * patch:
            raise SpecError(
                f"{height} x {width} points: the width must be a multiple of the {patch} points of "
                f"a patch, the height too or one more, and both at least {2 * patch}.",
                remedy=f"Take {_whole(height, patch)} x {_whole(width, patch)}.",
            )
        shape = Shape(height=height, width=width, levels=shape.levels)
        decisive = device_bytes if spec.model.chunks == "auto" else 0
        return cls(spec=_reduced(spec), shape=shape, device=device, device_bytes=decisive)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "spec": self.spec.model_dump(mode="json"),
            "height": self.shape.height,
            "width": self.shape.width,
            "levels": list(self.shape.levels),
            "device": self.device,
            "device_bytes": self.device_bytes,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        shape = Shape(
            height=values["height"], width=values["width"], levels=tuple(values["levels"])
        )
        spec = RunSpec.build(values["spec"])
        device, device_bytes = values["device"], values["device_bytes"]
        return cls(spec=spec, shape=shape, device=device, device_bytes=device_bytes)

    def digest(self) -> str:
        """A name for all that decides the answer, versions of the libraries included."""
        path = Path(self.spec.model.path or "")
        written = path.stat().st_mtime if self.spec.model.path and path.exists() else 0.0
        versions = [version("torch"), version("microsoft-aurora"), __version__, _LAYOUT, written]
        text = json.dumps([self.to_dict(), versions], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def _whole(size: int, patch: int) -> int:
    return max(2, size // patch) * patch


def _reduced(spec: RunSpec) -> RunSpec:
    """The spec with everything that takes no memory as it is by default.

    A loss of one's own is taken for the mean absolute error, and weights of grid points, two more
    fields of the size of a variable at most, are left out.
    """
    optimiser, training = spec.optimiser, spec.training
    return RunSpec(
        model=spec.model,
        data=DataSpec(lead_hours=spec.data.lead_hours),
        variables=tuple(
            v.replace(mean=0.0, std=1.0, lr=None, long_name="", unit="1", source_name=None)
            for v in spec.variables
        ),
        trainable=spec.trainable,
        loss=LossSpec(targets=spec.loss.targets),
        optimiser=optimiser.replace(
            **_defaults(optimiser, "lr", "lr_new", "lr_groups", "weight_decay", "decay_groups"),
            **_defaults(optimiser, "schedule", "warmup_steps", "final_lr_fraction", "step_every"),
            **_defaults(optimiser, "step_factor", "clip_value", "clip_factor", "validate_ema"),
        ),
        training=training.replace(
            **_defaults(training, "seed", "threads", "deterministic", "validate_every", "watched"),
            **_defaults(training, "validation_samples", "patience", "min_delta", "device"),
            **_defaults(training, "checkpoint_every", "keep_checkpoints", "statistics_every"),
            # With the gradients of one batch there, a second one takes as much as all later ones.
            accumulate=min(2, training.accumulate),
            steps=spec.rollout.curriculum[-1][0] + 1 if spec.rollout.curriculum else 1,
            epochs=None,
        ),
        rollout=spec.rollout,
        health=HealthSpec(),
        loader=LoaderSpec(),
    )


def _defaults(part: Any, *names: str) -> dict[str, Any]:
    fields = type(part).model_fields
    return {name: fields[name].get_default(call_default_factory=True) for name in names}
