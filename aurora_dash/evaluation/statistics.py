"""From fields to weighted sums: one forecast and lead at a time, on the device of the fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from aurora_dash.evaluation.joint import JointHistograms
from aurora_dash.evaluation.layout import Layout, Wind
from aurora_dash.evaluation.measures import Values, needed_sums
from aurora_dash.evaluation.pointwise import Gradient, error, fair_crps, fractions, ranks
from aurora_dash.evaluation.slabs import Fields, Slab, SlabValues, divide, slab_values
from aurora_dash.evaluation.spectra import Spectrum
from aurora_dash.evaluation.sums import Sums

_Where = tuple[int, int, slice]
"""Forecast, lead and fields."""


class Scorer:
    """Takes forecasts and their targets, and keeps sums of what scores are made of.

    A point counts where the target and every forecast beside it are finite, so that all sources
    are judged on the same points; what is left out is counted.
    """

    def __init__(
        self,
        layout: Layout,
        measures: Collection[str],
        num_forecasts: int,
        device: torch.device,
        *,
        absent: Mapping[str, Collection[str]] | None = None,
        num_members: int = 1,
        joint: JointHistograms | None = None,
    ) -> None:
        """`absent` names, by source, the canonical names that it does not forecast; `num_members`
        is the size of the largest ensemble among the sources; `joint` takes what is wanted of the
        values themselves."""
        self.layout = layout
        self.joint = joint
        self.sums = Sums(layout, num_forecasts, needed_sums(measures) | {"square"})
        for source, keys in (absent or {}).items():
            for key in keys:
                self.sums.present[layout.slices[key], layout.sources.index(source)] = False
        self._device = device
        self._slabs = divide(layout, absent or {})
        weights = torch.from_numpy(layout.areas.weights).to(device)
        self._weights = weights.flatten(1).T.contiguous()
        circular = [field.circular for field in layout.fields]
        self._circular = torch.tensor(circular, device=device) if any(circular) else None
        self._winds = layout.winds if "vector_rmse" in measures else ()
        self._gradient = (
            Gradient(
                layout.latitudes, layout.longitudes, periodic=layout.is_periodic, device=device
            )
            if "gradient_square" in self.sums
            else None
        )
        self.spectrum = Spectrum(layout, device) if "short_power" in self.sums else None
        self._origins: dict[int, Tensor] = {}
        leads, fields, sources = len(layout.lead_hours), len(layout.fields), len(layout.sources)
        count = self.spectrum.scales.wavelengths.size if self.spectrum else 0
        self.power = np.zeros((leads, fields, sources + 1, count))
        """Power spectra summed over forecasts (lead, field, source, wavenumber), the target's
        last."""
        self.num_spectra = np.zeros((leads, fields), np.int64)
        """Of how many forecasts: a field with holes has no spectrum."""
        areas = len(layout.areas.weights)
        self.ranks = np.zeros((num_members + 1, leads, fields, areas, sources))
        """Weight of the points at which the target has each rank among the members."""

    def add(
        self,
        forecast: int,
        lead: int,
        target: Fields,
        forecasts: Mapping[str, Fields],
        climatology: Fields | None = None,
    ) -> None:
        """Count all fields of forecast number `forecast` at lead number `lead`."""
        for slab in self._slabs:
            values = slab_values(self.layout, slab, target, forecasts, climatology, self._device)
            where = (forecast, lead, slab.fields)
            self._count_missing(lead, slab, values)
            self._add_target(where, slab, values)
            for source in slab.sources:
                self._add_source(where, slab, values, source)
                self._add_members(where, values, source)
            self._add_events(forecast, lead, slab, values)
            self._add_spectra(where, slab, values)
            if self.joint is not None:
                self.joint.add(lead, slab, values)
        start = 0
        for wind in self._winds:
            place = slice(start, start + len(wind.fields))
            self._add_vector((forecast, lead, place), wind, target, forecasts)
            start = place.stop

    def _sum(self, values: Tensor) -> Values:
        """Weighted sums (..., area) of values (..., H, W)."""
        total: Values = (values.flatten(-2) @ self._weights).cpu().numpy()
        return total

    def _count_missing(self, lead: int, slab: Slab, values: SlabValues) -> None:
        sums, size = self.sums, values.valid[0].numel()
        if values.is_whole:
            sums.points[lead, slab.fields] += size
            return
        valid = values.valid.sum(dim=(1, 2)).cpu().numpy()
        observed = torch.isfinite(values.target).sum(dim=(1, 2)).cpu().numpy()
        sums.points[lead, slab.fields] += valid
        sums.target_missing[lead, slab.fields] += size - observed
        sums.forecast_missing[lead, slab.fields] += observed - valid

    def _add_target(self, where: _Where, slab: Slab, values: SlabValues) -> None:
        """Sums that all sources have in common: weights, and those of the target alone."""
        sums, target = self.sums, values.target
        sums["weight"][where] = self._sum(values.valid.double())[..., None]
        if "target_value" in sums:
            shifted = values.kept(target - self._origin(slab, values))
            sums["target_value"][where] = self._sum(shifted)[..., None]
            sums["target_value_square"][where] = self._sum(shifted.square())[..., None]
        if "target_anomaly_square" in sums:
            square = values.anomaly(target).square()
            sums["target_anomaly_square"][where] = self._sum(square)[..., None]
            weight = self._sum(values.anomaly_valid.double())
            sums["anomaly_weight"][where] = weight[..., None]
        if self._gradient is not None:
            square = self._squared_gradient(self._gradient, values, target)
            sums["target_gradient_square"][where] = self._sum(square)[..., None]

    def _add_source(self, where: _Where, slab: Slab, values: SlabValues, source: str) -> None:
        sums, mean, target = self.sums, values.means[source], values.target
        circular = None if self._circular is None else self._circular[slab.fields]
        miss = values.kept(error(mean, target, circular))
        parts = {"square": miss.square, "error": lambda: miss, "absolute": miss.abs}
        if "value" in sums:
            value, observed = (values.kept(v - self._origin(slab, values)) for v in (mean, target))
            parts["value"] = lambda: value
            parts["value_square"] = value.square
            parts["product"] = partial(torch.mul, value, observed)
        if "anomaly_square" in sums:
            anomaly = values.anomaly(mean)
            parts["anomaly_square"] = anomaly.square
            parts["anomaly_product"] = lambda: anomaly * values.anomaly(target)
        if self._gradient is not None:
            parts["gradient_square"] = partial(self._squared_gradient, self._gradient, values, mean)
        at = self._of(where, source)
        for name, part in parts.items():
            if name in sums:
                sums[name][at] = self._sum(part())

    def _add_members(self, where: _Where, values: SlabValues, source: str) -> None:
        members, sums = values.members[source], self.sums
        count, at = len(members), self._of(where, source)
        if "crps" in sums:
            crps = fair_crps(members, values.target)
            sums["crps"][at] = self._sum(values.kept(crps))
        if count == 1:
            # One forecast has no spread: not zero, but none.
            for name in ("variance", "expected_square"):
                if name in sums:
                    sums[name][at] = np.nan
            return
        if "variance" in sums:
            variance = self._sum(values.kept(members.var(dim=0)))
            sums["variance"][at] = variance
            if "expected_square" in sums:
                sums["expected_square"][at] = variance * (count + 1) / count
        chances = values.kept(ranks(members, values.target))
        _, lead, fields = where
        self.ranks[: count + 1, lead, fields, :, at[-1]] += self._sum(chances)

    def _add_events(self, forecast: int, lead: int, slab: Slab, values: SlabValues) -> None:
        layout, sums = self.layout, self.sums
        events = [
            (index, event)
            for index, event in enumerate(layout.events)
            if slab.fields.start <= event.field < slab.fields.stop
        ]
        if not events:
            return
        rows = [event.field - slab.fields.start for _, event in events]
        threshold = torch.tensor(
            [event.threshold for _, event in events], dtype=torch.float64, device=self._device
        )[:, None, None]
        chosen = slice(events[0][0], events[-1][0] + 1)
        valid = values.valid[rows]

        def happens(fields: Tensor) -> Tensor:
            reached = (fields[rows] >= threshold).double()
            return torch.where(valid, reached, torch.nan)

        observed = happens(values.target)
        forecasts = {source: happens(values.means[source]) for source in slab.sources}
        if "hits" in sums:
            where = (forecast, lead, chosen)
            sums["event_weight"][where] = self._sum(valid.double())[..., None]
            sums["target_events"][where] = self._sum(observed.nan_to_num())[..., None]
            for source, found in forecasts.items():
                at = self._of(where, source)
                sums["forecast_events"][at] = self._sum(found.nan_to_num())
                sums["hits"][at] = self._sum((found * observed).nan_to_num())
        if "fraction_error" in sums:
            self._add_fractions(forecast, lead, chosen, observed, forecasts)

    def _add_fractions(
        self,
        forecast: int,
        lead: int,
        events: slice,
        observed: Tensor,
        forecasts: Mapping[str, Tensor],
    ) -> None:
        """For each neighbourhood; events are the faster of the two axes that fields stand for."""
        layout, sums = self.layout, self.sums
        for number, width in enumerate(layout.neighbourhoods):
            first = number * len(layout.events)
            where = (forecast, lead, slice(first + events.start, first + events.stop))
            share = partial(fractions, width=width, periodic=layout.is_periodic)
            target = share(observed)
            for source, happens in forecasts.items():
                found, at = share(happens), self._of(where, source)
                sums["fraction_error"][at] = self._sum((found - target).square().nan_to_num())
                reference = found.square() + target.square()
                sums["fraction_reference"][at] = self._sum(reference.nan_to_num())

    def _add_spectra(self, where: _Where, slab: Slab, values: SlabValues) -> None:
        if self.spectrum is None:
            return
        _, lead, fields = where
        sums, short = self.sums, self.spectrum.scales.is_short
        target = self.spectrum.power(values.holed(values.target)).cpu().numpy()
        whole = np.isfinite(target).all(axis=-1)
        target = np.where(whole[:, None], target, 0.0)
        sums["target_short_power"][where] = target[:, short].sum(axis=-1)[:, None, None]
        self.power[lead, fields, -1] += target
        self.num_spectra[lead, fields] += whole
        for source in slab.sources:
            power = self.spectrum.power(values.holed(values.means[source])).cpu().numpy()
            power = np.where(whole[:, None], power, 0.0)
            at = self._of(where, source)
            sums["short_power"][at] = power[:, short].sum(axis=-1)[:, None]
            self.power[lead, fields, at[-1]] += power

    def _add_vector(
        self, where: _Where, wind: Wind, target: Fields, forecasts: Mapping[str, Fields]
    ) -> None:
        """Squared vector errors, where both components of all sources are finite."""
        targets = self.layout.slices
        pair = Slab(
            keys=(wind.east, wind.north),
            fields=targets[wind.east],
            sources=tuple(s for s in forecasts if {wind.east, wind.north} <= {*forecasts[s]}),
        )
        values = slab_values(self.layout, pair, target, forecasts, None, self._device)
        valid = _pair(values.valid).all(dim=0)
        self.sums.vectors["weight"][where] = self._sum(valid.double())[..., None]
        for source, mean in values.means.items():
            square = _pair((mean - values.target).square()).sum(dim=0)
            at = self._of(where, source)
            self.sums.vectors["square"][at] = self._sum(torch.where(valid, square, 0.0))

    def _of(self, where: _Where, source: str) -> tuple[int, int, slice, slice, int]:
        return (*where, slice(None), self.layout.sources.index(source))

    def _origin(self, slab: Slab, values: SlabValues) -> Tensor:
        """A value near those of each field (F, 1, 1), the same at all times.

        Taken away before squares are summed, or a variance would be a difference of large numbers.
        """
        start = slab.fields.start
        if start not in self._origins:
            mean = values.holed(values.target).nanmean(dim=(1, 2), keepdim=True)
            self._origins[start] = mean.nan_to_num()
        return self._origins[start]

    @staticmethod
    def _squared_gradient(gradient: Gradient, values: SlabValues, of: Tensor) -> Tensor:
        return gradient.square(values.holed(of)).nan_to_num()


def _pair(components: Tensor) -> Tensor:
    """Zonal and meridional fields (2 L, H, W) apart, (2, L, H, W)."""
    return components.reshape(2, -1, *components.shape[1:])
