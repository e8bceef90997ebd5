"""Lead times of predictions: told from times, averaged over, told apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta

import torch
from aurora import Batch

from aurora_dash.training.loss import LossTerms

_HOUR = timedelta(hours=1)


def lead_hours(inputs: Batch, target: Batch) -> tuple[float, ...]:
    """Hours from the newest input of each sample to its target."""
    starts, ends = inputs.metadata.time, target.metadata.time
    return tuple((end - start) / _HOUR for start, end in zip(starts, ends, strict=True))


def mean_over_leads(terms: Mapping[float, LossTerms]) -> LossTerms:
    """The mean loss of predictions by their lead time in hours, which `by_lead` tells apart."""
    every = list(terms.values())
    return LossTerms(
        total=torch.stack([t.total for t in every]).mean(),
        by_variable={
            # NaN where a target was missing altogether.
            name: torch.stack([t.by_variable[name] for t in every]).nanmean()
            for name in every[0].by_variable
        },
        num_compared=torch.stack([t.num_compared for t in every]).sum(),
        num_values=sum(t.num_values for t in every),
        by_lead={hours: t.total.detach() for hours, t in terms.items()},
    )


def split_by_lead(
    inputs: Batch, targets: tuple[Batch, ...]
) -> list[tuple[Batch, tuple[Batch, ...]]]:
    """Samples of a batch in batches of one lead time each, shortest first."""
    leads = lead_hours(inputs, targets[0])
    if len(set(leads)) == 1:
        return [(inputs, targets)]
    chosen = [[i for i, lead in enumerate(leads) if lead == hours] for hours in sorted(set(leads))]
    return [
        (selected(inputs, indices), tuple(selected(target, indices) for target in targets))
        for indices in chosen
    ]


def selected(batch: Batch, indices: Sequence[int]) -> Batch:
    """Some samples of a batch; statics are shared."""
    times = tuple(batch.metadata.time[i] for i in indices)
    return dataclasses.replace(
        batch,
        surf_vars={name: values[indices] for name, values in batch.surf_vars.items()},
        atmos_vars={name: values[indices] for name, values in batch.atmos_vars.items()},
        metadata=dataclasses.replace(batch.metadata, time=times),
    )
