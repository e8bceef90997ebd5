"""How targets and forecasts are distributed together: two-dimensional histograms, streamed.

Bins are a power of two wide and lie on multiples of their width. When a value falls beside them,
neighbours are merged, as often as need be. So no range has to be known beforehand, and what comes
out depends only on the smallest and the largest value, never on the order in which they came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from aurora_dash.data.area import area_weights
from aurora_dash.data.statistics import level_key
from aurora_dash.data.transforms import restored
from aurora_dash.evaluation.layout import FieldName, Layout
from aurora_dash.evaluation.slabs import Slab, SlabValues
from aurora_dash.evaluation.table import field_coordinates
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.spec import VariableSpec

Limits = NDArray[np.float64]
"""Smallest and largest value that are told apart, (field, 2)."""

# A forecast that has run away would leave all others in one bin, so what is this many standard
# deviations from the mean counts as that far.
_FARTHEST = 32.0
_MOST_BINS = 128
_LARGEST = 512 * 2**20
# Bins are no narrower than this share of the largest value: a constant field has no spread.
_FINEST = 20
_SMALLEST_VALUE = 1e-30
_SCRATCH_POINTS = 2**20


class JointHistograms:
    """Area by the value of the target and of the forecast, for each field, lead and source.

    Of an ensemble it is the forecast's mean. Every field has the same bins at all leads, for its
    target and for all sources.
    """

    def __init__(self, layout: Layout, limits: Limits, device: torch.device) -> None:
        self._layout = layout
        self._limits = limits
        fields, leads, sources = len(layout.fields), len(layout.lead_hours), len(layout.sources)
        self.num_bins = _bins_within(_LARGEST, fields * leads * sources)
        """Along each axis: fewer where there is very much to tell apart."""
        shape = (fields, leads, sources, self.num_bins, self.num_bins)
        self._area = torch.zeros(shape, dtype=torch.float64, device=device)
        rows = torch.from_numpy(area_weights(layout.latitudes))
        self._weights = rows[:, None].expand(-1, layout.longitudes.size).to(device)
        self._scratch: dict[torch.Size, tuple[Tensor, Tensor, Tensor]] = {}
        self._exponents = np.zeros(fields, np.int64)
        self._origins = np.zeros(fields, np.int64)
        self._least, self._most = np.full(fields, np.inf), np.full(fields, -np.inf)

    def add(self, lead: int, slab: Slab, values: SlabValues) -> None:
        """Count all points of a slab that count in the scores."""
        all_values = [values.target, *(values.means[source] for source in slab.sources)]
        fields = self._within_limits(slab.fields, values, all_values)
        scale, origin = self._scale(slab.fields)
        rows, cells, index = self._scratch_for(values.target)
        # What follows from a field's place among all is the same for all its points: it is added
        # to the target's bins, once for all forecasts.
        starts = self._starts(slab.fields, lead) - origin * (self.num_bins + 1)
        _put_places(rows, values, fields[0], scale, origin).mul_(self.num_bins).add_(starts)
        weights = values.kept(self._weights.expand_as(rows)).flatten()
        for source, forecast in zip(slab.sources, fields[1:], strict=True):
            _put_places(cells, values, forecast, scale, origin).add_(rows)
            first = self._layout.sources.index(source) * self.num_bins**2
            self._area.view(-1)[first:].scatter_add_(0, index.copy_(cells).flatten(), weights)

    def dataset(self) -> xr.Dataset:
        """``area`` (field, lead, source, target_bin, forecast_bin), and where the bins lie."""
        known = self._least <= self._most
        for field in np.flatnonzero(known).tolist():
            self._move(field, *_window(self._least[field], self._most[field], self.num_bins))
        width = np.where(known, np.exp2(self._exponents), np.nan)
        words = {"long_name": "points by value of target and forecast, weighted by area"}
        layout = self._layout
        return xr.Dataset(
            {
                "area": (
                    ("field", "lead", "source", "target_bin", "forecast_bin"),
                    self._area.cpu().numpy().astype(np.float32),
                    words,
                )
            },
            {
                **field_coordinates("field", "", layout.fields),
                "lead": ("lead", list(layout.lead_hours), {"units": "h"}),
                "source": list(layout.sources),
                "bin_start": ("field", self._origins * width, {"long_name": "edge of the first"}),
                "bin_width": ("field", width),
            },
        )

    def _within_limits(
        self, fields: slice, values: SlabValues, of: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        """Values cut at the limits, and bins moved and widened where one lies beside them."""
        least, most = _extent(values, of)
        low, high = self._limits[fields].T
        if (least < low).any() or (most > high).any():
            least, most = np.clip(least, low, high), np.clip(most, low, high)
            bounds = torch.from_numpy(self._limits[fields]).to(of[0].device)
            of = [field.clamp(bounds[:, :1, None], bounds[:, 1:, None]) for field in of]
        self._make_room(fields, least, most)
        return of

    def _make_room(
        self, fields: slice, least: NDArray[np.float64], most: NDArray[np.float64]
    ) -> None:
        """Move and widen the bins of those fields that have a value beside them."""
        beside = (least < self._least[fields]) | (most > self._most[fields])
        for number in np.flatnonzero(beside & (least <= most)).tolist():
            field = fields.start + number
            is_first = self._least[field] > self._most[field]
            self._least[field] = min(self._least[field], least[number])
            self._most[field] = max(self._most[field], most[number])
            if not is_first and self._fits(field):
                continue
            window = _window(self._least[field], self._most[field], self.num_bins)
            if is_first:
                self._exponents[field], self._origins[field] = window
            else:
                self._move(field, *window)

    def _fits(self, field: int) -> bool:
        first, last = _places(self._least[field], self._most[field], self._exponents[field])
        origin = self._origins[field]
        return bool(origin <= first and last < origin + self.num_bins)

    def _move(self, field: int, exponent: int, origin: int) -> None:
        """Give a field bins that are as wide or wider, from another place on."""
        coarser = exponent - self._exponents[field]
        new = ((np.arange(self.num_bins) + self._origins[field]) >> coarser) - origin
        # Bins that find no place hold nothing.
        old = np.flatnonzero((new >= 0) & (new < self.num_bins))
        places = torch.from_numpy(np.stack([old, new[old]])).to(self._area.device)
        for axis in (-2, -1):
            moved = torch.zeros_like(self._area[field])
            moved.index_add_(axis, places[1], self._area[field].index_select(axis, places[0]))
            self._area[field] = moved
        self._exponents[field], self._origins[field] = exponent, origin

    def _scale(self, fields: slice) -> tuple[Tensor, Tensor]:
        """Of each field (F, 1, 1): bins a unit, and the place of its first bin."""
        scale = np.exp2(-self._exponents[fields])
        pair = torch.from_numpy(np.stack([scale, self._origins[fields]]))[..., None, None]
        return (*pair.to(self._area.device),)

    def _starts(self, fields: slice, lead: int) -> Tensor:
        """Where each field's histogram of the first source begins in all of them, flat."""
        _, leads, sources, *bins = self._area.shape
        number = np.arange(fields.start, fields.stop) * leads + lead
        starts = (number * sources * math.prod(bins)).astype(np.float64)
        return torch.from_numpy(starts).to(self._area.device)[:, None, None]

    def _scratch_for(self, field: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two tensors for numbers and one for indices, each of the shape (F, H, W) of a slab.

        Those for few points are kept: to allocate them takes longer than to fill them.
        """
        if field.numel() > _SCRATCH_POINTS:
            return _scratch(field)
        if field.shape not in self._scratch:
            self._scratch[field.shape] = _scratch(field)
        return self._scratch[field.shape]


def _scratch(field: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    index = torch.empty_like(field, dtype=torch.int64)
    return torch.empty_like(field), torch.empty_like(field), index


def _put_places(
    out: Tensor, values: SlabValues, of: Tensor, scale: Tensor, origin: Tensor
) -> Tensor:
    """Which multiple of its bins' width lies at or below each value (F, H, W), into `out`."""
    torch.mul(of, scale, out=out).floor_()
    if not values.is_whole:
        # What does not count may be anything.
        out.copy_(torch.where(values.valid, out, origin))
    return out


def _extent(
    values: SlabValues, of: Sequence[Tensor]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest value (F,) over several fields (F, H, W)."""
    low, high = of, of
    if not values.is_whole:
        low = [torch.where(values.valid, field, torch.inf) for field in of]
        high = [torch.where(values.valid, field, -torch.inf) for field in of]
    least = torch.stack([field.flatten(1).amin(dim=1) for field in low]).amin(dim=0)
    most = torch.stack([field.flatten(1).amax(dim=1) for field in high]).amax(dim=0)
    return least.cpu().numpy(), most.cpu().numpy()


def limits_of(
    layout: Layout, statistics: ModelStatistics | None, variables: Sequence[VariableSpec]
) -> Limits:
    """Limits by the numbers that normalise a model; none where it has no numbers of a field.

    `variables` are the run's own: the numbers of one with a transform are of its transformed
    values.
    """
    own = {variable.name: variable for variable in variables}
    limits = np.tile([-np.inf, np.inf], (len(layout.fields), 1))
    for limit, field in zip(limits, layout.fields, strict=True):
        pair = _statistics_of(field, statistics)
        if pair is None or field.circular:
            continue
        location, scale = pair
        limit[:] = location - _FARTHEST * scale, location + _FARTHEST * scale
        if field.variable in own:
            limit[:] = restored(limit, own[field.variable])
    return limits


def _statistics_of(
    field: FieldName, statistics: ModelStatistics | None
) -> tuple[float, float] | None:
    if statistics is None:
        return None
    if field.level is None:
        return statistics.surface.get(field.variable)
    return statistics.atmospheric.get(level_key(field.variable, field.level))


def _bins_within(num_bytes: int, histograms: int) -> int:
    """As many bins along an axis as fit, in double precision."""
    bins = _MOST_BINS
    while bins > 2 and 8 * histograms * bins**2 > num_bytes:
        bins //= 2
    return bins


def _places(least: float, most: float, exponent: int) -> tuple[int, int]:
    """Which multiples of 2^exponent lie at or below two values."""
    width = 2.0**exponent
    return math.floor(least / width), math.floor(most / width)


def _window(least: float, most: float, num_bins: int) -> tuple[int, int]:
    """The narrowest bins (as 2^exponent) that hold two values, and the place of the first."""
    exponent = math.frexp(max(abs(least), abs(most), _SMALLEST_VALUE))[1] - _FINEST
    if most > least:
        exponent = max(exponent, math.frexp((most - least) / num_bins)[1] - 1)
    first, last = _places(least, most, exponent)
    while last - first >= num_bins:
        exponent += 1
        first, last = _places(least, most, exponent)
    return exponent, first - (num_bins - 1 - (last - first)) // 2
