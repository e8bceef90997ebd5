"""What the time axis tells: are there samples, and are any lost to gaps?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import xarray as xr

from aurora_dash.data.findings import Finding
from aurora_dash.data.plan import split_times, windows_of
from aurora_dash.data.times import Times, format_time, hours_between
from aurora_dash.spec import RunSpec

_SHOWN_GAPS = 3


def time_findings(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """Uneven steps, too few times for one sample, nothing left to train on."""
    if "time" not in dataset.dims:
        return
    times = dataset["time"].values
    step = spec.model.catalogue_entry.timestep_hours
    windows = windows_of(spec, times)
    yield from _uneven_steps(times, len(windows))
    if not windows:
        yield _no_window(times, step, spec.lead_hours)
        return
    split = split_times(spec, times)
    if not split.train:
        yield Finding(
            severity="error",
            code="no-training-samples",
            message=f"Of {len(windows)} samples {len(split.validation)} are kept for validation "
            "and the others share times with them: none is left to train on.",
            remedy="Give more times, or lower data.validation_fraction (0: no validation).",
        )
    elif not split.validation:
        yield Finding(
            severity="info",
            code="no-validation",
            message=f"All {len(split.train)} samples are trained on; none is kept for validation.",
            remedy="Set data.validation_fraction above 0 to see how well the model generalises.",
        )


def _uneven_steps(times: Times, num_windows: int) -> Iterator[Finding]:
    steps = hours_between(times)
    if steps.size == 0 or np.all(steps == steps[0]):
        return
    usual = Counter(steps.tolist()).most_common(1)[0][0]
    odd = np.flatnonzero(steps != usual)
    gaps = "; ".join(
        f"{steps[i]:g} h from {format_time(times[i])} to {format_time(times[i + 1])}"
        for i in odd[:_SHOWN_GAPS]
    )
    more = f"; and {odd.size - _SHOWN_GAPS} more" if odd.size > _SHOWN_GAPS else ""
    yield Finding(
        severity="warning",
        code="uneven-times",
        message=f"The times are not evenly spaced: mostly {usual:g} h apart, but {gaps}{more}. "
        f"Only the {num_windows} samples whose times are all there are used; none is made of "
        "neighbours that are not the right time apart.",
        remedy="Fetch the missing times, or remove the surplus ones.",
        where=format_time(times[odd[0]]),
    )


def _no_window(times: Times, history_hours: int, lead_hours: int) -> Finding:
    steps = hours_between(times)
    found = "a single time" if not steps.size else f"{times.size} times, {_range(steps)} h apart"
    return Finding(
        severity="error",
        code="no-samples",
        message=f"There is no sample in the data: one needs a time, the time {history_hours} h "
        f"before it and the time {lead_hours} h after it, but the data has {found} "
        f"({format_time(times[0])} to {format_time(times[-1])}).",
        remedy=f"Give times every {np.gcd(history_hours, lead_hours)} h over at least "
        f"{history_hours + lead_hours} h.",
    )


def _range(steps: np.ndarray) -> str:
    low, high = steps.min(), steps.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
