"""Fields that stand at two times: a stuck source, or a period that is there twice.

Above all such a repetition must not put into validation what is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.checks_missing import dropping
from aurora_dash.data.checks_values import STEADY, by_time_picture
from aurora_dash.data.findings import Finding, Location
from aurora_dash.data.plan import split_times, training_times
from aurora_dash.data.scan import Scan
from aurora_dash.data.times import format_time
from aurora_dash.spec import RunSpec

Pairs = dict[tuple[int, int], list[str]]
"""Scanned times (the earlier, the later) with equal fields -> the variables."""


def repeat_findings(
    dataset: xr.Dataset, scans: Mapping[str, Scan], spec: RunSpec
) -> Iterator[Finding]:
    """Times whose fields are those of an earlier time, of variables that never repeat."""
    moving = [s for s in scans.values() if not s.is_static and s.variable.name in STEADY]
    pairs = _equal_fields(moving)
    if not pairs:
        return
    scan = moving[0]
    (first, later), names = next(iter(pairs.items()))
    repeats = np.unique([pair[1] for pair in pairs])
    crossing = _crossing(pairs, scan, dataset, spec)
    when = format_time(scan.times[later])
    message = (
        f"{repeats.size} of {scan.indices.size} times hold the same fields as an earlier one, "
        f"first {when} those of {format_time(scan.times[first])} ({', '.join(names)})."
    )
    if crossing:
        message += (
            f" {crossing} of them put what is trained on into validation, which then no longer "
            "tells how well the model generalises."
        )
    dropped = dropping(scan, repeats.astype(np.intp))
    by_time = np.isin(np.arange(scan.indices.size), repeats).astype(np.int64)
    yield Finding(
        severity="warning",
        code="split-overlap" if crossing else "repeated-fields",
        message=message,
        remedy="No weather comes twice: check the files, or leave these times out.",
        where=when,
        location=Location(time=when),
        fixes=(dropped,) if dropped else (),
        picture=by_time_picture(scan, by_time, "Repeated fields by time"),
    )


def _equal_fields(scans: list[Scan]) -> Pairs:
    pairs: Pairs = {}
    for scan in scans:
        seen: dict[bytes, int] = {}
        for time, digest in enumerate(scan.digests):
            # Constant and missing fields have findings of their own.
            if not _varies(scan)[time]:
                continue
            if digest in seen:
                pairs.setdefault((seen[digest], time), []).append(scan.key)
            else:
                seen[digest] = time
    return dict(sorted(pairs.items(), key=lambda item: item[0][1]))


def _varies(scan: Scan) -> NDArray[np.bool_]:
    varies: NDArray[np.bool_] = np.any(scan.high > scan.low, axis=1)
    return varies


def _crossing(pairs: Pairs, scan: Scan, dataset: xr.Dataset, spec: RunSpec) -> int:
    """How many repetitions lie on both sides of the split."""
    split = split_times(spec, dataset["time"].values)
    train, validation = (set(training_times(part)) for part in (split.train, split.validation))
    both = 0
    for pair in pairs:
        a, b = (int(scan.indices[time]) for time in pair)
        both += (a in train and b in validation) or (b in train and a in validation)
    return both
