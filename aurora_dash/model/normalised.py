"""Aurora's classes with statistics of their own, without forking them or touching globals.

`forward` normalises whatever `_pre_norm_hook` returns by calling its `normalise`, and undoes it
with the `unnormalise` of what `_post_decoder_hook` returns. Both hooks here return a
`StatisticsBatch`, which uses the statistics of its model instead of the process's dictionaries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import torch
from aurora import Aurora, AuroraAirPollution, Batch
from torch import Tensor

from aurora_dash.errors import ModelError
from aurora_dash.model.chunking import Chunking
from aurora_dash.model.presence import (
    may_be_absent,
    predicted_presence,
    presence_in,
    with_presence,
    without_presence,
)
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.model.transforms import NewVariables

LeadHours = float | Sequence[float] | None
"""Hours from the newest input to the prediction, for all samples of a batch or for each."""


@dataclasses.dataclass
class StatisticsBatch(Batch):
    """A batch that knows how to normalise itself."""

    statistics: ModelStatistics
    pad: NewVariables | None = None
    """Whose output-only variables join the normalised batch, as zeros; None: none."""

    @classmethod
    def of(
        cls, batch: Batch, statistics: ModelStatistics, pad: NewVariables | None = None
    ) -> StatisticsBatch:
        """The same variables with statistics attached; tensors are shared."""
        parts = (batch.surf_vars, batch.static_vars, batch.atmos_vars, batch.metadata)
        return cls(*parts, statistics, pad)

    def normalise(self, surf_stats: dict[str, tuple[float, float]]) -> Batch:
        """A plain batch of (x - location) / scale. Aurora passes `surf_stats`; it is not used."""
        normalised = self._changed(lambda x, location, scale: (x - location) / scale)
        return normalised if self.pad is None else self.pad.padded(normalised)

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
        return StatisticsBatch.of(super()._fmap(f), self.statistics, self.pad)


@dataclasses.dataclass
class NormalisedBatch(Batch):
    """A prediction that stays normalised when Aurora asks to undo it."""

    @classmethod
    def of(cls, batch: Batch) -> NormalisedBatch:
        """The same variables; tensors are shared."""
        return cls(batch.surf_vars, batch.static_vars, batch.atmos_vars, batch.metadata)

    def unnormalise(self, surf_stats: dict[str, tuple[float, float]]) -> Batch:
        """The batch as it is."""
        return self

    def _fmap(self, f: Callable[[Tensor], Tensor]) -> NormalisedBatch:
        return NormalisedBatch.of(super()._fmap(f))


def _columns(pairs: tuple[Sequence[float], Sequence[float]], *, like: Tensor) -> list[Tensor]:
    """Locations and scales, each of shape (levels, 1, 1)."""
    return [
        torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
        for values in pairs
    ]


class OwnStatistics(Aurora):
    """What every model of this project adds to Aurora's class; combined with it by `own_class`."""

    statistics: ModelStatistics | None = None
    modulated: tuple[str, ...] = ()
    """New variables that are forecast as a change of their newest input."""
    new_variables = NewVariables()
    chunking: Chunking | None = None
    """How encoder and decoder are cut, if they run in chunks."""
    _stays_normalised = False

    @property
    def is_stochastic(self) -> bool:
        """Whether each forward pass draws noise: run it within `OwnRandomness`."""
        return bool(self.backbone.stochastic)

    def predict(self, batch: Batch, lead_hours: LeadHours = None) -> Batch:
        """Forecast in physical units, one step ahead.

        `lead_hours`, one for all samples or one for each, count only for variants with a variable
        lead time; None: the time step.
        """
        if not self.variable_lead_time:
            return self(batch)  # type: ignore[no-any-return]
        hours = self.timestep / timedelta(hours=1) if lead_hours is None else lead_hours
        lead_times = torch.tensor(hours, dtype=torch.float32).expand(len(batch.metadata.time))
        return self(batch, lead_times=lead_times)  # type: ignore[no-any-return]

    def predict_normalised(self, batch: Batch, lead_hours: LeadHours = None) -> Batch:
        """Like `predict`, normalised and float32, as a loss wants it.

        Normalising a forecast in physical units again would lose digits, and infinitely many
        where a variable is modelled by its logarithm. Not for two threads at once.
        """
        self._stays_normalised = True
        try:
            return self.predict(batch, lead_hours)
        finally:
            self._stays_normalised = False

    def to_physical(self, prediction: Batch) -> Batch:
        """What `predict` would have given where `predict_normalised` gave `prediction`."""
        prediction = without_presence(prediction, may_be_absent(self))
        physical = StatisticsBatch.of(prediction, self._own_statistics()).unnormalise({})
        return self._post_unnorm_hook(prediction, physical)

    def normalise_for_loss(self, batch: Batch) -> Batch:
        """A batch of data as a loss wants it: transformed, cropped, normalised, float32.

        Variables that the model transforms before normalisation (logarithms, wave components)
        are transformed here too, so that it compares with `predict_normalised`; what may be absent
        gets its presence beside it.
        """
        batch = self.batch_transform_hook(batch)._fmap(Tensor.float).crop(self.patch_size)
        presence = presence_in(batch, may_be_absent(self))
        batch = StatisticsBatch.of(self._transformed(batch), self._own_statistics()).normalise({})
        return with_presence(batch, presence)

    def _transformed(self, batch: Batch) -> Batch:
        return self.new_variables.transform(super()._pre_norm_hook(batch))

    def _pre_norm_hook(self, batch: Batch) -> Batch:
        self.new_variables.require_given(batch)
        # Zeros after normalisation, as V1.5 has them: an absent input has no value to normalise.
        return StatisticsBatch.of(
            self._transformed(batch), self._own_statistics(), self.new_variables
        )

    def _post_decoder_hook(self, batch: Batch, pred: Batch) -> Batch:
        hook = super()._post_decoder_hook
        pred = self._changed_inputs(batch, pred)
        presence = predicted_presence(pred.surf_vars, may_be_absent(self))
        if isinstance(self, AuroraAirPollution) and len(pred.metadata.time) > 1:
            # Its hook (microsoft-aurora 2.0.1) mixes up the samples of a batch: it broadcasts a
            # history of shape (b, h, w) over predictions of shape (b, 1, h, w).
            samples = range(len(pred.metadata.time))
            pred = _joined([hook(_sample(batch, i), _sample(pred, i)) for i in samples], pred)
        else:
            pred = hook(batch, pred)
        pred = self.new_variables.without_inputs(pred)
        if self._stays_normalised:
            return NormalisedBatch.of(with_presence(pred, presence))
        return StatisticsBatch.of(pred, self._own_statistics())

    def _changed_inputs(self, batch: Batch, pred: Batch) -> Batch:
        """Forecasts of `modulated` variables: the head's value + (1 + modulation) * newest input.

        As Aurora's air-pollution model does it for its pollutants.
        """
        if not self.modulated:
            return pred

        def change(given: dict[str, Tensor], values: dict[str, Tensor]) -> dict[str, Tensor]:
            heads = {name: values[f"{name}_mod"] for name in self.modulated if name in values}
            changed = {k: values[k] + (1 + m) * given[k][:, -1:] for k, m in heads.items()}
            kept = {k: v for k, v in values.items() if k.removesuffix("_mod") not in heads}
            return kept | changed

        return dataclasses.replace(
            pred,
            surf_vars=change(batch.surf_vars, pred.surf_vars),
            atmos_vars=change(batch.atmos_vars, pred.atmos_vars),
        )

    def _post_unnorm_hook(self, batch: Batch, pred: Batch) -> Batch:
        if self._stays_normalised:
            return pred
        pred = self.new_variables.restore(pred)
        if "insolation" not in pred.surf_vars:
            return super()._post_unnorm_hook(batch, pred)
        # The insolation is computed with numpy's dates, which know no time zones; ours are UTC.
        times = pred.metadata.time
        naive = tuple(t.astimezone(UTC).replace(tzinfo=None) if t.tzinfo else t for t in times)
        pred = super()._post_unnorm_hook(batch, _at(pred, naive))
        return _at(pred, times)

    def _own_statistics(self) -> ModelStatistics:
        if self.statistics is None:
            raise ModelError("The model was given no statistics; build it with `build_model`.")
        return self.statistics


@cache
def own_class(base: type[Aurora]) -> type[OwnStatistics]:
    """The class of `base` with per-model statistics; one class a base, made once."""
    return type(base.__name__, (OwnStatistics, base), {"__module__": __name__})


def _at(batch: Batch, times: tuple[datetime, ...]) -> Batch:
    return dataclasses.replace(batch, metadata=dataclasses.replace(batch.metadata, time=times))


def _sample(batch: Batch, index: int) -> Batch:
    """One sample of a batch; statics are shared."""
    part = slice(index, index + 1)
    batch = _at(batch, batch.metadata.time[part])
    return dataclasses.replace(
        batch,
        surf_vars={name: values[part] for name, values in batch.surf_vars.items()},
        atmos_vars={name: values[part] for name, values in batch.atmos_vars.items()},
    )


def _joined(samples: Sequence[Batch], like: Batch) -> Batch:
    """Samples as one batch, with the metadata and statics of `like`."""
    first = samples[0]
    return dataclasses.replace(
        like,
        surf_vars={k: torch.cat([s.surf_vars[k] for s in samples]) for k in first.surf_vars},
        atmos_vars={k: torch.cat([s.atmos_vars[k] for s in samples]) for k in first.atmos_vars},
    )
