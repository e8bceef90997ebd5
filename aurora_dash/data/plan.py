"""What a spec asks of the times of its data: which samples, and how they are split."""

from __future__ import annotations

from aurora_dash.data.times import Times
from aurora_dash.data.windows import Split, Window, make_windows, split_windows
from aurora_dash.spec import RunSpec


def num_targets_of(spec: RunSpec) -> int:
    """How many steps of a forecast a training sample has targets for."""
    return 1


def windows_of(spec: RunSpec, times: Times) -> tuple[Window, ...]:
    """All samples of a run in the times of its data, before they are split."""
    return make_windows(
        times,
        history_hours=spec.model.catalogue_entry.timestep_hours,
        lead_hours=spec.lead_hours,
        num_targets=num_targets_of(spec),
    )


def split_times(spec: RunSpec, times: Times) -> Split:
    """The samples of a run to train on and to validate with; either may be empty."""
    return split_windows(windows_of(spec, times), times, spec.data.validation_fraction)
