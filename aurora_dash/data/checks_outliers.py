"""Single points far from all other values and from their own neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aurora_dash.data.checks_missing import dropping
from aurora_dash.data.checks_values import CALM
from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.scan import Extreme, Scan
from aurora_dash.spec.remedies import InfillSpace, MaskValues

# Standard deviations beyond which a single point is odd; of what is skewed, such as rain or
# smoke, healthy data has points that are very far out.
_FAR_CALM, _FAR_HUMIDITY, _FAR_SKEWED = 8.0, 25.0, 100.0
# The neighbours of a healthy extreme share at least this part of it.
_SHARED = 0.5


def outlier_findings(scan: Scan) -> Iterator[Finding]:
    """One finding for all of them, of a variable that is no direction, class or static field."""
    if scan.variable.circular or scan.variable.categorical or scan.is_static:
        return
    low, high = scan.bounds
    odd = [
        (extreme, far)
        for extreme in scan.extremes
        if low <= extreme.value <= high and (far := _distance(scan, extreme)) > _limit(scan)
    ]
    if not odd:
        return
    worst, far = max(odd, key=lambda pair: pair[1])
    place = scan.place(worst.time, worst.level, worst.row, worst.column)
    many = "" if len(odd) == 1 else f"; there are {len(odd)} fields with such a point"
    times = np.unique([extreme.time for extreme, _ in odd])
    dropped = dropping(scan, times.astype(np.intp))
    masked = _masking_outliers(scan, [extreme for extreme, _ in odd])
    yield Finding(
        severity="warning",
        code="outlier",
        message=f"{scan.key} is {worst.value:.6g} {scan.variable.unit} at {place}, "
        f"{far:.0f} standard deviations from the other values there; its neighbours are "
        f"{worst.around:.6g}{many}.",
        remedy="Compare it with the source: a damaged value spoils the loss of its whole field.",
        variable=scan.key,
        where=str(place),
        location=place,
        fixes=tuple(fix for fix in (masked, dropped) if fix),
        picture=scan.map_around(place, "the outlier"),
    )


def _limit(scan: Scan) -> float:
    if scan.variable.name == "q":
        return _FAR_HUMIDITY
    return _FAR_CALM if scan.variable.name in CALM else _FAR_SKEWED


def _distance(scan: Scan, extreme: Extreme) -> float:
    """Standard deviations between a point and the other times' values; 0 if neighbours share it."""
    others = np.delete(np.arange(scan.mean.shape[0]), extreme.time)
    means, stds = scan.mean[others, extreme.level], scan.std[others, extreme.level]
    known = np.isfinite(means)
    if not known.any() or not np.isfinite(extreme.around):
        return 0.0
    centre = float(np.median(means[known]))
    away = abs(extreme.value - centre)
    if abs(extreme.value - extreme.around) < _SHARED * away:
        return 0.0
    if scan.variable.name in CALM:
        spread = 1.4826 * float(np.median(np.abs(means[known] - centre)))
        scale = float(np.hypot(np.median(stds[known]), spread))
    else:
        scale = float(stds[known].max())
    return away / scale if scale > 0 else 0.0


def _masking_outliers(scan: Scan, odd: list[Extreme]) -> Fix | None:
    """Limits between the outliers and all other values, on all levels; None if there are none."""
    spoilt = {(extreme.time, extreme.level) for extreme in odd}
    healthy = np.array([(t, lv) not in spoilt for t, lv in np.ndindex(scan.low.shape)])
    healthy = healthy.reshape(scan.low.shape) & np.isfinite(scan.low)
    if not healthy.any():
        return None
    low, high = float(scan.low[healthy].min()), float(scan.high[healthy].max())
    above = [e.value for e in odd if e.value > high]
    below = [e.value for e in odd if e.value < low]
    if len(above) + len(below) < len(odd):
        return None
    limits = MaskValues(
        variable=scan.key,
        low=_between(max(below), low) if below else None,
        high=_between(min(above), high) if above else None,
    )
    return Fix.by("Count as missing and infill in space", limits, InfillSpace(variable=scan.key))


def _between(one: float, other: float) -> float:
    """The middle, in as few digits as tell it from both ends."""
    return float(f"{(one + other) / 2:.6g}")
