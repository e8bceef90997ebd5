"""Whether values are like those of the variable that they are called: units and drift.

Measured means and standard deviations are held against those that normalise the variable (Aurora's
own, or what the run has in their place). The limits are wide: a region, a season or a year differs
from the globe over decades, but never by what another unit makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aurora_dash.data.checks_values import CALM
from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.own_statistics import Pair, own_statistics
from aurora_dash.data.pictures import Picture
from aurora_dash.data.scan import Scan
from aurora_dash.data.statistics import Moments
from aurora_dash.data.units import Conversion, convertible_units
from aurora_dash.spec import RunSpec
from aurora_dash.spec.remedies import ConvertUnit

_AS_IT_IS = Conversion(1.0, 0.0)
# A mask, class or direction that Aurora does not normalise has this for statistics.
_NOT_NORMALISED = (0.0, 1.0)
# A mean this many standard deviations away is an error, no climate.
_IMPOSSIBLE = 10.0
_MOST_OUTSIDE = 0.5
_HUMID = (1.5, 5.0)


@dataclass(frozen=True)
class _Misfit:
    """How far measured statistics are from expected ones, at the level that decides."""

    away: float
    """Of the mean, in expected standard deviations."""
    ratio: float
    """Measured over expected standard deviation."""
    level: int
    """Its position."""


def reference_findings(scan: Scan, spec: RunSpec) -> Iterator[Finding]:
    """A unit that looks wrong, or statistics far from the expected; nothing for most data."""
    if scan.variable.circular or scan.variable.categorical:
        return
    moments, expected = list(scan.moments().values()), _expected(scan, spec)
    if scan.transformed or not any(m.count for m in moments):
        return
    now = _misfit(scan, moments, expected, _AS_IT_IS)
    known = scan.num_values - int(scan.missing.sum())
    mostly_outside = int(scan.outside.sum()) > _MOST_OUTSIDE * known
    if not mostly_outside and _fits(scan, now):
        return
    unit = _likely_unit(scan, moments, expected)
    if unit is not None:
        certain = mostly_outside or now.away > _IMPOSSIBLE
        yield _suspect(scan, unit, moments, expected, now, certain=certain)
    elif not _fits(scan, now):
        yield _drift(scan, moments, expected, now)


def histogram_of(scan: Scan, spec: RunSpec) -> Picture | None:
    """The values against what is expected, at the level that fits least; None if there are none."""
    moments, expected = list(scan.moments().values()), _expected(scan, spec)
    misfit = _misfit(scan, moments, expected, _AS_IT_IS)
    return _histogram(scan, expected, misfit) if scan.samples[misfit.level] else None


def _expected(scan: Scan, spec: RunSpec) -> list[Pair | None]:
    """What normalises the variable, by level; None where nothing comparable does."""
    name = scan.variable.name
    own = name in {v.name for v in spec.model.catalogue_entry.variables(scan.variable.group)}
    # The log is taken of these before they are normalised.
    if not own or name.startswith("scaled_"):
        return [None for _ in scan.levels]
    pairs: list[Pair | None] = []
    for key, level in zip(scan.statistics_keys(), scan.levels, strict=True):
        pair = spec.model.statistics.get(key) or own_statistics(name, level)
        pairs.append(None if pair == _NOT_NORMALISED or name in ("lsm", "slt") else pair)
    return pairs


def _misfit(
    scan: Scan, moments: list[Moments], expected: list[Pair | None], how: Conversion
) -> _Misfit:
    found = [
        (
            abs(measured.mean * how.factor + how.offset - pair[0]) / pair[1],
            measured.std * how.factor / pair[1],
            level,
        )
        for level, (measured, pair) in enumerate(zip(moments, expected, strict=True))
        if pair is not None and measured.count
    ]
    if not found:
        return _Misfit(0.0, 0.0, 0)
    away, _, level = max(found)
    if scan.variable.name not in CALM:
        # High up there is next to nothing of humidity and smoke, and little is much to Aurora:
        # another unit shows on all levels.
        away, _, level = sorted(found)[(len(found) - 1) // 2]
        return _Misfit(away, float(np.median([ratio for _, ratio, _ in found])), level)
    return _Misfit(away, max(ratio for _, ratio, _ in found), level)


def _fits(scan: Scan, misfit: _Misfit) -> bool:
    limit = 5.0 if scan.variable.name in CALM else 20.0
    return misfit.away <= limit and misfit.ratio <= limit


def _likely_unit(scan: Scan, moments: list[Moments], expected: list[Pair | None]) -> str | None:
    """The unit in which the values would fit; None if there is none."""
    low, high = float(np.nanmin(scan.low)), float(np.nanmax(scan.high))
    mean = float(np.nanmean(scan.mean))
    if scan.key == "atmos_q" and low >= -_HUMID[1] and _HUMID[1] < mean < 110 and high < 200:
        return "%"
    fitting = []
    for unit, how in convertible_units(scan.variable.unit).items():
        inside = (
            scan.bounds[0] - 1e-6 <= low * how.factor + how.offset
            and high * how.factor + how.offset <= scan.bounds[1] + 1e-6
        )
        misfit = _misfit(scan, moments, expected, how)
        comparable = any(expected) or not np.isinf(scan.bounds).any()
        if inside and comparable and _fits(scan, misfit):
            fitting.append((misfit.away, unit))
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _suspect(
    scan: Scan,
    unit: str,
    moments: list[Moments],
    expected: list[Pair | None],
    now: _Misfit,
    *,
    certain: bool,
) -> Finding:
    wanted, found = scan.variable.unit, moments[now.level]
    relative = scan.key == "atmos_q" and unit == "%"
    is_like = "relative humidity in %" if relative else f"values in {unit}"
    label = "Convert from relative humidity" if relative else f"Convert from {unit} to {wanted}"
    return Finding(
        severity="error" if certain else "warning",
        code="unit-suspect",
        message=f"{scan.key} should be in {wanted}, but its values look like {is_like}: their "
        f"mean is {found.mean:.4g}, their standard deviation {found.std:.4g}"
        f"{_against(scan, expected, now)}.",
        remedy="Convert it; if the unit is right after all, the data is damaged.",
        variable=scan.key,
        where=_where(scan, now),
        fixes=(Fix.by(label, ConvertUnit(variable=scan.key, from_unit=unit)),),
        picture=_histogram(scan, expected, now),
    )


def _drift(
    scan: Scan, moments: list[Moments], expected: list[Pair | None], now: _Misfit
) -> Finding:
    found = moments[now.level]
    return Finding(
        severity="warning",
        code="statistics-drift",
        message=f"{scan.key} is unlike what the model knows: mean {found.mean:.4g} and standard "
        f"deviation {found.std:.4g}{_against(scan, expected, now)}.",
        remedy="Check the unit, the sign and whether it is the variable that it is called. If it "
        "is, give its own statistics in model.statistics, or register it as a new variable.",
        variable=scan.key,
        where=_where(scan, now),
        picture=_histogram(scan, expected, now),
    )


def _against(scan: Scan, expected: list[Pair | None], now: _Misfit) -> str:
    pair = expected[now.level]
    if pair is None:
        low, high = scan.bounds
        return f", and possible is {low:g} to {high:g}"
    on = _where(scan, now)
    return (
        f"{f' on {on}' if on else ''}, where the model expects {pair[0]:.4g} and {pair[1]:.4g} "
        f"({now.away:.1f} standard deviations away)"
    )


def _where(scan: Scan, now: _Misfit) -> str | None:
    level = scan.levels[now.level]
    return None if level is None else f"{level:g} hPa"


def _histogram(scan: Scan, expected: list[Pair | None], now: _Misfit) -> Picture:
    pair = expected[now.level]
    band = None if pair is None else (pair[0] - 2 * pair[1], pair[0] + 2 * pair[1])
    return Picture.histogram(
        np.concatenate(scan.samples[now.level]),
        title=f"{scan.key} [{scan.variable.unit}]",
        expected=band,
        note="expected (mean ± 2 std)" if band else "",
    )
