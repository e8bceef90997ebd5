"""What the time axis tells: are there samples, and are any lost to gaps?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from aurora_dash.data.findings import Finding, Fix, Location
from aurora_dash.data.pictures import Picture
from aurora_dash.data.plan import num_targets_of, split_times, windows_of
from aurora_dash.data.times import Times, format_time, hours_between, utc_datetimes
from aurora_dash.spec import RunSpec
from aurora_dash.spec.remedies import DropTimes

_SHOWN_GAPS = 3
_FEW_SAMPLES = 10
# More times than this between the others are no surplus but another spacing.
_MOST_SURPLUS = 0.34


def time_findings(dataset: xr.Dataset, spec: RunSpec) -> Iterator[Finding]:
    """Uneven steps, too few times for one sample, nothing left to train on."""
    if "time" not in dataset.dims:
        return
    times = dataset["time"].values
    step = spec.model.catalogue_entry.timestep_hours
    windows = windows_of(spec, times)
    yield from _uneven_steps(times, len(windows))
    if not windows:
        yield _no_window(times, step, num_targets_of(spec) * spec.lead_hours, spec)
        return
    yield from _unusual_lead(spec, times)
    split = split_times(spec, times)
    if split.train:
        yield from _few_samples(len(split.train))
    if not split.train:
        yield Finding(
            severity="error",
            code="no-training-samples",
            message=f"Of {len(windows)} samples {len(split.validation)} are kept for validation "
            "and the others share times with them or lie in the gap: none is left to train on.",
            remedy="Give more times, or keep less for validation: lower data.validation_fraction "
            "(0: no validation), shorten the period or the gap (data.gap_hours).",
            fixes=tuple(_less_validation(times, spec)),
        )
    elif not split.validation and spec.data.has_validation_period:
        yield _empty_period(times, spec)
    elif not split.validation:
        yield Finding(
            severity="info",
            code="no-validation",
            message=f"All {len(split.train)} samples are trained on; none is kept for validation.",
            remedy="Set data.validation_fraction above 0 to see how well the model generalises.",
        )


def _empty_period(times: Times, spec: RunSpec) -> Finding:
    first, last = spec.data.validation_start, spec.data.validation_end
    begin = "the beginning" if first is None else f"{first:%Y-%m-%dT%H:%MZ}"
    end = "the end" if last is None else f"{last:%Y-%m-%dT%H:%MZ}"
    return Finding(
        severity="error",
        code="no-validation-samples",
        message=f"No sample lies in the validation period from {begin} to {end}; the data runs "
        f"from {format_time(times[0])} to {format_time(times[-1])}.",
        remedy="Change data.validation_start and data.validation_end, or leave them out and "
        "give a data.validation_fraction.",
        where=f"{begin} to {end}",
        fixes=tuple(_less_validation(times, spec)),
    )


def _usual_lead(spec: RunSpec, times: Times) -> tuple[Fix, ...]:
    """The lead time of the variant, if there are samples of it."""
    if spec.data.lead_hours is None:
        return ()
    usual = spec.replace(data=spec.data.replace(lead_hours=None))
    if not windows_of(usual, times):
        return ()
    return (Fix(label=f"Forecast {usual.lead_hours} h", assignments=("data.lead_hours=null",)),)


def _unusual_lead(spec: RunSpec, times: Times) -> Iterator[Finding]:
    """A lead time that the model was not made for."""
    variant, lead = spec.model.catalogue_entry, spec.lead_hours
    usual = variant.timestep_hours
    if lead == usual or variant.has_variable_lead:
        return
    if variant.predicts_changes:
        yield Finding(
            severity="error",
            code="lead-impossible",
            message=f"{variant.title} can't forecast {lead} h ahead: it gives pollutants as a "
            f"change of the input {usual} h or {2 * usual} h before the target, which is there "
            f"only for a lead time of {usual} h.",
            remedy=f"Leave data.lead_hours out, or set it to {usual}.",
            fixes=_usual_lead(spec, times),
        )
    elif not spec.model.is_random:
        yield Finding(
            severity="warning",
            code="lead-unusual",
            message=f"{variant.title} was trained to forecast {usual} h ahead and has to learn "
            f"{lead} h anew: its forecasts begin far off, and can't be rolled out.",
            remedy=f"Leave data.lead_hours out for {usual} h, choose a variant of another time "
            "step, or V1.5, which takes any lead time.",
            fixes=_usual_lead(spec, times),
        )


def _uneven_steps(times: Times, num_windows: int) -> Iterator[Finding]:
    steps = hours_between(times)
    if steps.size == 0 or np.all(steps == steps[0]):
        return
    usual = _usual(steps)
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
        location=Location(time=format_time(times[odd[0]])),
        fixes=tuple(_without_surplus(times, usual)),
        picture=_coverage(times, usual),
    )


def _usual(steps: NDArray[np.float64]) -> float:
    return float(Counter(steps.tolist()).most_common(1)[0][0])


def _without_surplus(times: Times, usual: float) -> Iterator[Fix]:
    """Dropping the few times that do not lie on the usual steps."""
    hours = (times - times[0]) / np.timedelta64(1, "h")
    phases = np.round(hours % usual, 4).tolist()
    common = Counter(phases).most_common(1)[0][0]
    surplus = np.flatnonzero(np.array(phases) != common)
    if 0 < surplus.size <= _MOST_SURPLUS * times.size:
        label = f"Drop the {surplus.size} times between the others"
        yield Fix.by(label, DropTimes(times=utc_datetimes(times[surplus])))


def _coverage(times: Times, usual: float) -> Picture:
    """Share of the times that are there, over the period."""
    hours = (times - times[0]) / np.timedelta64(1, "h")
    num_bins = int(min(60, max(2, hours[-1] // usual)))
    counts, _ = np.histogram(hours, bins=num_bins, range=(0, hours[-1] + usual))
    wanted = (hours[-1] + usual) / usual / num_bins
    share = np.minimum(100, 100 * counts / wanted)
    first, last = format_time(times[0]), format_time(times[-1])
    return Picture.bars(share, title="Times that are there (%)", first=first, last=last)


def _less_validation(times: Times, spec: RunSpec) -> Iterator[Fix]:
    """The largest usual part for validation that leaves something to train on.

    Where a period was chosen the part takes its place.
    """
    has_period = spec.data.has_validation_period
    whole = {"validation_start": None, "validation_end": None} if has_period else {}
    for fraction in (0.2, 0.1, 0.0):
        if fraction >= spec.data.validation_fraction and not has_period:
            continue
        changed = spec.replace(data=spec.data.replace(validation_fraction=fraction, **whole))
        if split_times(changed, times).train:
            what = f"Keep {100 * fraction:g} % for validation" if fraction else "Validate nothing"
            assignments = [f"data.{name}=null" for name in whole]
            assignments.append(f"data.validation_fraction={fraction:g}")
            yield Fix(label=what, assignments=tuple(assignments))
            return


def _few_samples(num: int) -> Iterator[Finding]:
    if num < _FEW_SAMPLES:
        yield Finding(
            severity="info",
            code="few-samples",
            message=f"There {'are' if num != 1 else 'is'} only {num} sample{'s' * (num != 1)} to "
            "train on: enough to try things out, too few to learn weather from.",
            remedy="Give a longer period.",
        )


def _no_window(times: Times, history_hours: int, lead_hours: int, spec: RunSpec) -> Finding:
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
        where=f"{format_time(times[0])} to {format_time(times[-1])}",
        fixes=_usual_lead(spec, times),
        picture=_coverage(times, float(np.gcd(history_hours, lead_hours))),
    )


def _range(steps: np.ndarray) -> str:
    low, high = steps.min(), steps.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
