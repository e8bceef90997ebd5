"""Aurora's classes with statistics of their own, without forking them or touching globals.

`forward` normalises whatever `_pre_norm_hook` returns by calling its `normalise`, and undoes it
with the `unnormalise` of what `_post_decoder_hook` returns. Both hooks here return a
`StatisticsBatch`, which uses the statistics of its model instead of the process's dictionaries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import torch
from aurora import Aurora, Batch
from torch import Tensor

from aurora_dash.errors import ModelError
from aurora_dash.model.statistics import ModelStatistics


@dataclasses.dataclass
class StatisticsBatch(Batch):
    """A batch that knows how to normalise itself."""

    statistics: ModelStatistics

    @classmethod
    def of(cls, batch: Batch, statistics: ModelStatistics) -> StatisticsBatch:
        """The same variables with statistics attached; tensors are shared."""
        return cls(batch.surf_vars, batch.static_vars, batch.atmos_vars, batch.metadata, statistics)

    def normalise(self, surf_stats: dict[str, tuple[float, float]]) -> Batch:
        """A plain batch of (x - location) / scale. Aurora passes `surf_stats`; it is not used."""
        return self._changed(lambda x, location, scale: (x - location) / scale)

    def unnormalise(self, surf_stats: dict[str, tuple[float, float]]) -> Batch:
        """A plain batch of x * scale + location. Aurora passes `surf_stats`; it is not used."""
        return self._changed(lambda x, location, scale: x * scale + location)

    def _changed(self, change: Callable[[Tensor, Any, Any], Tensor]) -> Batch:
        levels = self.metadata.atmos_levels

        def flat(values: dict[str, Tensor]) -> dict[str, Tensor]:
            return {k: change(v, *self.statistics.of_surface(k)) for k, v in values.items()}

        return Batch(
            surf_vars=flat(self.surf_vars),
            static_vars=flat(self.static_vars),
            atmos_vars={
                k: change(v, *_columns(self.statistics.of_atmospheric(k, levels), like=v))
                for k, v in self.atmos_vars.items()
            },
            metadata=self.metadata,
        )

    def _fmap(self, f: Callable[[Tensor], Tensor]) -> StatisticsBatch:
        # The parent builds a plain Batch, so that `type` and `to` would lose the statistics.
        return StatisticsBatch.of(super()._fmap(f), self.statistics)


def _columns(pairs: tuple[Sequence[float], Sequence[float]], *, like: Tensor) -> list[Tensor]:
    """Locations and scales, each of shape (levels, 1, 1)."""
    return [
        torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
        for values in pairs
    ]


class OwnStatistics(Aurora):
    """What every model of this project adds to Aurora's class; combined with it by `own_class`."""

    statistics: ModelStatistics | None = None

    @property
    def is_stochastic(self) -> bool:
        """Whether each forward pass draws noise: run it within `OwnRandomness`."""
        return bool(self.backbone.stochastic)

    def predict(self, batch: Batch, lead_hours: float | None = None) -> Batch:
        """Forecast in physical units, one step ahead.

        `lead_hours` counts only for variants with a variable lead time; None: the time step.
        """
        if not self.variable_lead_time:
            return self(batch)  # type: ignore[no-any-return]
        hours = self.timestep / timedelta(hours=1) if lead_hours is None else lead_hours
        lead_times = torch.full((len(batch.metadata.time),), float(hours))
        return self(batch, lead_times=lead_times)  # type: ignore[no-any-return]

    def normalise_for_loss(self, batch: Batch) -> Batch:
        """A prediction or a target as the loss wants it: transformed, cropped, normalised.

        Variables that the model transforms before normalisation (logarithms, wave components)
        are transformed here too, so that predictions and targets are alike.
        """
        batch = self.batch_transform_hook(batch)._fmap(Tensor.float).crop(self.patch_size)
        return self._pre_norm_hook(batch).normalise({})

    def _pre_norm_hook(self, batch: Batch) -> Batch:
        return StatisticsBatch.of(super()._pre_norm_hook(batch), self._own_statistics())

    def _post_decoder_hook(self, batch: Batch, pred: Batch) -> Batch:
        return StatisticsBatch.of(super()._post_decoder_hook(batch, pred), self._own_statistics())

    def _own_statistics(self) -> ModelStatistics:
        if self.statistics is None:
            raise ModelError("The model was given no statistics; build it with `build_model`.")
        return self.statistics


@cache
def own_class(base: type[Aurora]) -> type[OwnStatistics]:
    """The class of `base` with per-model statistics; one class a base, made once."""
    return type(base.__name__, (OwnStatistics, base), {"__module__": __name__})
