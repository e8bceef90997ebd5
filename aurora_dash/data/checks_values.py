"""Values that can't be: outside what is possible, the same everywhere, between two classes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from aurora_dash.data.checks_missing import dropping, removal
from aurora_dash.data.findings import Finding, Fix
from aurora_dash.data.pictures import Picture
from aurora_dash.data.scan import Scan
from aurora_dash.data.times import format_time
from aurora_dash.data.transforms import NEGATIVE_SLACK
from aurora_dash.spec import Remedy, RunSpec
from aurora_dash.spec.remedies import (
    ClipValues,
    InfillSpace,
    InfillTime,
    MaskValues,
    RoundCodes,
)

CALM = frozenset(
    {"2t", "2d", "10u", "10v", "100u", "100v", "msl", "sp", "skt", "stl1", "z", "u", "v", "t"}
)
"""Variables whose values lie close together, and of which no two fields are alike."""
STEADY = CALM | {"q", "tcwv", "w"}
"""Variables of which no field is ever constant, and no two are alike."""


def value_findings(scan: Scan, spec: RunSpec, *, unit_is_wrong: bool) -> Iterator[Finding]:
    """All of these; with a wrong unit what lies outside bounds is no news."""
    stuck = _stuck(scan)
    if not unit_is_wrong:
        yield from _impossible(scan, stuck)
    yield from _constant(scan, stuck, spec)
    yield from _negative(scan, spec)
    yield from _fractional(scan)


def _impossible(scan: Scan, stuck: NDArray[np.bool_]) -> Iterator[Finding]:
    outside = np.where(stuck[:, np.newaxis], 0, scan.outside)
    num_outside = int(outside.sum())
    if not num_outside:
        return
    low, high = scan.bounds
    times = np.flatnonzero(outside.sum(axis=1))
    yield Finding(
        severity="warning",
        code="out-of-bounds",
        message=f"{scan.key} has {num_outside} values outside what is possible "
        f"({low:g} to {high:g} {scan.variable.unit}), such as {scan.worst:.6g} at "
        f"{scan.worst_place}.",
        remedy="Check its unit and whether the file is damaged.",
        variable=scan.key,
        where=str(scan.worst_place),
        location=scan.worst_place,
        fixes=tuple(_beyond_bounds(scan, times)),
        picture=_where_outside(scan, outside.sum(axis=1)),
    )


def _where_outside(scan: Scan, by_time: NDArray[np.int64]) -> Picture:
    if scan.is_static and scan.worst_place is not None:
        return scan.map_around(scan.worst_place, f"{scan.worst:.4g}")
    return by_time_picture(scan, by_time)


def _beyond_bounds(scan: Scan, times: NDArray[np.intp]) -> Iterator[Fix]:
    if int(scan.outside.sum()) > 0.5 * scan.num_values:
        return
    if scan.variable.categorical:
        codes = MaskValues(variable=scan.key, low=scan.bounds[0], high=scan.bounds[1])
        yield _masking(scan, codes)
        return
    sample = np.concatenate(list(chain.from_iterable(scan.samples)))
    slack = 1e-3 * float(np.ptp(np.quantile(sample, [0.01, 0.99])))
    low, high = (None if np.isinf(bound) else float(bound) for bound in scan.bounds)
    if scan.is_static or (low, high) == (0.0, 1.0):
        yield Fix.by("Clip to what is possible", ClipValues(variable=scan.key, low=low, high=high))
    if not scan.is_static:
        limits = MaskValues(
            variable=scan.key,
            low=None if low is None else round(low - slack, 9),
            high=None if high is None else round(high + slack, 9),
        )
        yield _masking(scan, limits)
        dropped = dropping(scan, times)
        if dropped:
            yield dropped


def _masking(scan: Scan, limits: MaskValues) -> Fix:
    fill: Remedy = InfillTime(variable=scan.key)
    how = "in time"
    if scan.is_static or scan.variable.categorical or scan.missing.shape[0] < 3:
        fill, how = InfillSpace(variable=scan.key), "in space"
    return Fix.by(f"Count as missing and infill {how}", limits, fill)


def _stuck(scan: Scan) -> NDArray[np.bool_]:
    """Times at which a field is constant although others are not, and it never should be."""
    constant = (scan.low == scan.high) & (scan.field_size > 1)
    if scan.is_static or constant.all():
        return np.zeros(scan.missing.shape[0], bool)
    if scan.variable.name not in STEADY:
        # No rain, no ice, full cloud: such fields are healthy.
        constant &= (scan.low != 0) & (scan.bounds != (0.0, 1.0))
    # A level that never varies is another matter than a time that does not.
    constant &= ~constant.all(axis=0)
    stuck: NDArray[np.bool_] = constant.any(axis=1)
    return stuck


def _constant(scan: Scan, stuck: NDArray[np.bool_], spec: RunSpec) -> Iterator[Finding]:
    if scan.is_static:
        return
    known = np.isfinite(scan.low)
    if known.any() and np.nanmin(scan.low) == np.nanmax(scan.high):
        omitted = removal(scan.key, spec)
        yield Finding(
            severity="warning",
            code="constant",
            message=f"{scan.key} is {float(np.nanmin(scan.low)):g} everywhere and always.",
            remedy="Check whether the file is complete.",
            variable=scan.key,
            fixes=(omitted,) if omitted else (),
        )
    elif stuck.any():
        positions = np.flatnonzero(stuck)
        time, level = positions[0], int(np.argmax((scan.low == scan.high)[positions[0]]))
        when = format_time(scan.times[time])
        dropped = dropping(scan, positions)
        yield Finding(
            severity="warning",
            code="constant-fields",
            message=f"{scan.key} has the same value, {scan.low[time, level]:g}, everywhere at "
            f"{positions.size} of {stuck.size} times, first at {when}.",
            remedy="Check whether the file is complete, or leave these times out.",
            variable=scan.key,
            where=when,
            location=scan.place(int(time), level, 0, 0),
            fixes=(dropped,) if dropped else (),
            picture=by_time_picture(scan, stuck.astype(np.int64), "Constant fields by time"),
        )


def _negative(scan: Scan, spec: RunSpec) -> Iterator[Finding]:
    """Values below zero of a variable that is transformed as if it had none."""
    variable = next((v for v in spec.variables if f"{v.group.prefix}{v.name}" == scan.key), None)
    if variable is None or variable.transform == "none" or not np.isfinite(scan.low).any():
        return
    low, high = float(np.nanmin(scan.low)), float(np.nanmax(scan.high))
    if low >= 0:
        return
    small = -low <= NEGATIVE_SLACK * max(high, 0.0)
    clip = Fix.by("Bring them to zero", ClipValues(variable=scan.key, low=0.0))
    time, level = (int(i) for i in np.unravel_index(np.nanargmin(scan.low), scan.low.shape))
    values = scan.field(time, level)
    row, column = (int(i) for i in np.unravel_index(np.nanargmin(values), values.shape))
    place = scan.place(time, level, row, column)
    yield Finding(
        severity="warning" if small else "error",
        code="negative-values",
        message=f"{scan.key} has values down to {low:.6g}, first at {place}, and the transform "
        f"{variable.transform!r} takes none below zero"
        + (": they count as zero, being small as packing in files leaves them." if small else "."),
        remedy="" if small else "Register it without a transform, or correct the data.",
        variable=scan.key,
        where=str(place),
        location=place,
        fixes=(clip,),
        picture=scan.map_around(place, "the lowest"),
    )


def _fractional(scan: Scan) -> Iterator[Finding]:
    if scan.first_fractional is not None:
        yield Finding(
            severity="warning",
            code="fractional-classes",
            message=f"{scan.key} holds classes, but {scan.num_fractional} of its values are no "
            f"whole numbers, first at {scan.first_fractional}: it was interpolated, and a value "
            "between two classes means neither.",
            remedy="Regrid classes by nearest neighbour, or round them.",
            variable=scan.key,
            where=str(scan.first_fractional),
            location=scan.first_fractional,
            fixes=(Fix.by("Round to whole codes", RoundCodes(variable=scan.key)),),
            picture=scan.map_around(scan.first_fractional, "the first"),
        )


def by_time_picture(
    scan: Scan, counts: NDArray[np.int64], title: str = "Such values by time"
) -> Picture:
    """A bar for each scanned time."""
    first, last = (format_time(scan.times[i]) for i in (0, -1))
    return Picture.bars(counts, title=title, first=first, last=last)
