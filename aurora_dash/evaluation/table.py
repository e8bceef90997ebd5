"""From weighted sums to the dataset of all scores, ``scores.nc``. Free of torch.

Every measure is a variable with the dimensions ``hour``, ``season`` (of the valid time; ``all``
first), ``region``, ``surface``, ``source``, ``field`` (with the coordinates ``variable`` and
``level``; NaN on the surface) and ``lead`` (hours). Wind vectors have ``wind`` for ``field``,
categorical scores ``event`` (``event_variable``, ``event_level``, ``threshold``) and fractions
``neighbourhood`` (points) besides. ``rmse_skill`` and its like have ``reference`` for ``source``
and ``_low``, ``_high`` and ``_significant`` beside them. A score that is not defined is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.times import Times
from aurora_dash.errors import EvaluationError
from aurora_dash.evaluation.layout import FieldName, Layout
from aurora_dash.evaluation.measures import MEASURES, Measure, Values, score_values
from aurora_dash.evaluation.significance import skill_scores
from aurora_dash.evaluation.sums import Sums

if TYPE_CHECKING:
    # It brings torch, which pages that read scores don't need.
    from aurora_dash.evaluation.spectra import Scales

ALL = "all"
SEASONS = ("DJF", "MAM", "JJA", "SON")
GROUPS = ("hour", "season", "region", "surface")
"""Leading dimensions of a measure."""


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """What is to be told apart."""

    measures: tuple[str, ...]
    by_hour: bool = False
    by_season: bool = False
    confidence: float | None = None
    """None: no skill."""
    block: int | None = None
    seed: int = 0


def score_table(
    sums: Sums, starts: Times, scored: NDArray[np.bool_], options: TableOptions
) -> xr.Dataset:
    """All scores of forecasts that begin at `starts` (N,); `scored` (N, leads) have a target."""
    layout = sums.layout
    valid = starts[:, None] + np.array(layout.lead_hours) * np.timedelta64(1, "h")
    hours, seasons = _hours(valid), _seasons(valid)
    by_hour = [ALL, *np.unique(hours[scored])] if options.by_hour else [ALL]
    by_season = [ALL, *(s for s in SEASONS if (seasons[scored] == s).any())]
    if not options.by_season:
        by_season = [ALL]
    found: dict[str, list[list[Values]]] = {name: [] for name in options.measures}
    for hour in by_hour:
        row: dict[str, list[Values]] = {name: [] for name in options.measures}
        for season in by_season:
            chosen = scored & _is(hours, hour) & _is(seasons, season)
            totals, vectors = sums.totals(chosen), sums.vector_totals(chosen)
            for name in options.measures:
                measure = MEASURES[name]
                of = vectors if measure.kind == "vector" else totals
                row[name].append(_defined(score_values(measure, of), measure, sums))
        for name, values in row.items():
            found[name].append(values)
    data: dict[str, Any] = {
        name: _variable(np.array(values), MEASURES[name], layout) for name, values in found.items()
    }
    if options.confidence is not None:
        data |= _skills(sums, scored, options)
    return xr.Dataset(data, _coordinates(layout, by_hour, by_season, options))


def spectra_table(
    layout: Layout, scales: Scales, power: Values, num_spectra: NDArray[np.int64]
) -> xr.Dataset:
    """Mean power spectra, ``power`` (source, field, lead, wavenumber); the target is a source."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = power / num_spectra[..., None, None]
    attributes = {
        "long_name": "power spectrum, variance by wavenumber",
        "kind": scales.kind,
        "units": "square of the units of the field",
    }
    dims = ("power_source", "field", "lead", "wavenumber")
    return xr.Dataset(
        {
            "power": (
                dims,
                np.where(np.isfinite(mean), mean, np.nan).transpose(2, 1, 0, 3),
                attributes,
            )
        },
        {
            "power_source": [*layout.sources, "target"],
            "wavenumber": np.arange(1, scales.wavelengths.size + 1),
            "wavelength": (
                "wavenumber",
                scales.wavelengths,
                {"long_name": "wavelength", "units": "degrees"},
            ),
        },
    )


def ranks_table(layout: Layout, ranks: Values) -> xr.Dataset:
    """``rank_frequency`` (rank, region, surface, source, field, lead): shares that sum to one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = ranks / ranks.sum(axis=0)
    count, leads, fields, _, sources = shares.shape
    shares = shares.reshape(count, leads, fields, *_area_shape(layout), sources)
    dims = ("rank", "region", "surface", "source", "field", "lead")
    attributes = {"long_name": "share of the area where the target has the rank among the members"}
    return xr.Dataset(
        {"rank_frequency": (dims, shares.transpose(0, 3, 4, 5, 2, 1), attributes)},
        {"rank": np.arange(count)},
    )


def _defined(values: Values, measure: Measure, sums: Sums) -> Values:
    """NaN for sources that don't forecast a field and for directions, where they mean nothing."""
    layout = sums.layout
    if measure.kind == "vector":
        return values
    fields: Sequence[FieldName] = layout.fields
    present = sums.present
    if measure.kind == "event":
        rows = [event.field for event in layout.events]
        rows *= values.shape[1] // max(1, len(rows))
        fields, present = [fields[row] for row in rows], present[rows]
    means_something = np.array([measure.rounds or not field.circular for field in fields])
    known = present & means_something[:, None]
    return np.where(known[None, :, None, :], values, np.nan)


def _variable(values: Values, measure: Measure, layout: Layout) -> tuple[Any, ...]:
    """Dimensions, values and attributes of (hour, season, lead, field, area, source)."""
    attributes = {"long_name": measure.long_name}
    if measure.best is not None:
        attributes["best"] = str(measure.best)
    if not measure.has_unit:
        attributes["units"] = "1"
    hours, seasons, leads, fields, _, sources = values.shape
    if measure.kind == "spectrum":
        dims: tuple[str, ...] = ("hour", "season", "source", "field", "lead")
        return dims, values[..., 0, :].transpose(0, 1, 4, 3, 2), attributes
    values = values.reshape(hours, seasons, leads, fields, *_area_shape(layout), sources)
    ordered = values.transpose(0, 1, 4, 5, 6, 3, 2)
    if measure.name == "fss":
        shape = (len(layout.neighbourhoods), len(layout.events))
        ordered = ordered.reshape(*ordered.shape[:5], *shape, leads)
        return (*GROUPS, "source", "neighbourhood", "event", "lead"), ordered, attributes
    return (*GROUPS, "source", axis_of(measure), "lead"), ordered, attributes


def axis_of(measure: Measure) -> str:
    """The dimension that says what a measure is of."""
    return {"vector": "wind", "event": "event"}.get(measure.kind, "field")


def _skills(
    sums: Sums, scored: NDArray[np.bool_], options: TableOptions
) -> dict[str, tuple[Any, ...]]:
    """Skill of the first source against the others, over all times."""
    layout = sums.layout
    pairs = [(0, reference) for reference in range(1, len(layout.sources))]
    found: dict[str, tuple[Any, ...]] = {}
    for name in options.measures:
        measure = MEASURES[name]
        if not (measure.has_skill and pairs):
            continue
        arrays = (
            sums.vectors
            if measure.kind == "vector"
            else {need: sums[need] for need in ("weight", *measure.needs)}
        )
        assert options.confidence is not None
        skill = skill_scores(
            measure,
            arrays,
            pairs,
            confidence=options.confidence,
            block=options.block,
            seed=options.seed,
        )
        dims = ("region", "surface", "reference", axis_of(measure), "lead")
        long_name = f"1 - {name} / {name} of the reference"
        known = np.isfinite(_defined_pairs(skill.value, measure, sums, pairs))
        for suffix, values, attributes in (
            ("skill", skill.value, {"long_name": long_name, "units": "1"}),
            ("skill_low", skill.low, {"long_name": "lower end of the interval", "units": "1"}),
            ("skill_high", skill.high, {"long_name": "upper end of the interval", "units": "1"}),
            ("skill_significant", skill.significant, {"long_name": "zero is outside it"}),
        ):
            kept = np.where(known, values, False if suffix.endswith("significant") else np.nan)
            found[f"{name}_{suffix}"] = dims, _by_area(kept, layout), attributes
    return found


def _defined_pairs(
    values: Values, measure: Measure, sums: Sums, pairs: Sequence[tuple[int, int]]
) -> Values:
    if measure.kind == "vector":
        return values
    present = np.stack([sums.present[:, list(pair)].all(axis=1) for pair in pairs], axis=-1)
    return np.where(present[None, :, None, :], values, np.nan)


def _by_area(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    leads, fields, _, last = values.shape
    split = values.reshape(leads, fields, *_area_shape(layout), last)
    return split.transpose(2, 3, 4, 1, 0)


def _area_shape(layout: Layout) -> tuple[int, int]:
    return len(layout.areas.regions), len(layout.areas.surfaces)


def _coordinates(
    layout: Layout, hours: Sequence[str], seasons: Sequence[str], options: TableOptions
) -> dict[str, Any]:
    kinds = {MEASURES[name].kind for name in options.measures}
    events = [(layout.fields[event.field], event.threshold) for event in layout.events]
    coordinates: dict[str, Any] = {
        "hour": list(hours),
        "season": list(seasons),
        "region": list(layout.areas.regions),
        "surface": list(layout.areas.surfaces),
        "source": list(layout.sources),
        "lead": ("lead", list(layout.lead_hours), {"long_name": "lead time", "units": "h"}),
        **field_coordinates("field", "", layout.fields),
    }
    if "vector" in kinds:
        coordinates |= field_coordinates("wind", "wind_", layout.wind_fields)
    if "event" in kinds:
        coordinates |= field_coordinates("event", "event_", [field for field, _ in events])
        coordinates["threshold"] = ("event", [threshold for _, threshold in events])
    if "fss" in options.measures:
        coordinates["neighbourhood"] = list(layout.neighbourhoods)
    if options.confidence is not None:
        coordinates["reference"] = list(layout.sources[1:])
    return coordinates


def field_coordinates(axis: str, prefix: str, fields: Sequence[FieldName]) -> dict[str, Any]:
    """What fields along an axis are of, as the coordinates of a dataset; NaN hPa: the surface."""
    levels = [np.nan if field.level is None else field.level for field in fields]
    return {
        f"{prefix}variable": (axis, [field.variable for field in fields]),
        f"{prefix}level": (axis, levels, {"long_name": "pressure level", "units": "hPa"}),
        f"{prefix}unit": (axis, [field.unit for field in fields]),
    }


def field_place(dataset: xr.Dataset, variable: str, level: float | None) -> int:
    """Where along ``field`` a variable stands at a level; `EvaluationError` names what there is."""
    levels, variables = dataset["level"].values, dataset["variable"].values
    right = np.isnan(levels) if level is None else levels == level
    places = np.flatnonzero((variables == variable) & right)
    if not places.size:
        where = "" if level is None else f" at {level:g} hPa"
        raise EvaluationError(
            f"{variable}{where} was not scored.",
            remedy=f"Scored were {', '.join(dict.fromkeys(variables))}.",
        )
    return int(places[0])


def _hours(valid: Times) -> NDArray[np.str_]:
    hour = (valid - valid.astype("datetime64[D]")) // np.timedelta64(1, "h")
    return np.char.zfill(hour.astype(int).astype(str), 2)


def _seasons(valid: Times) -> NDArray[np.str_]:
    month = valid.astype("datetime64[M]").astype(int) % 12
    names: NDArray[np.str_] = np.array(SEASONS)[(month + 1) % 12 // 3]
    return names


def _is(labels: NDArray[np.str_], label: str) -> NDArray[np.bool_]:
    return np.ones(labels.shape, bool) if label == ALL else labels == label
