"""Several data sets or regions that one run is trained on together; of one, just that one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np
import xarray as xr

from aurora_dash.data.check import check_for_training
from aurora_dash.data.findings import Finding, Fix, sort_findings
from aurora_dash.data.open import OpenedData
from aurora_dash.data.plan import split_times, training_times
from aurora_dash.data.source import open_data
from aurora_dash.data.times import Times, format_time
from aurora_dash.errors import DataError
from aurora_dash.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class OpenedPart:
    """The data of one grid and period of a run."""

    name: str
    """Empty where nothing is mixed."""
    weight: float
    spec: RunSpec
    """As if the run had no other data."""
    opened: OpenedData

    @property
    def dataset(self) -> xr.Dataset:
        """The canonical dataset."""
        return self.opened.dataset

    @property
    def times(self) -> Times:
        """Its times; none for static fields alone."""
        has_time = "time" in self.dataset.dims
        times: Times = self.dataset["time"].values if has_time else np.array([], "M8[ns]")
        return times


def specs_of(spec: RunSpec) -> tuple[tuple[str, float, RunSpec], ...]:
    """Name, weight and spec of each part, as if the run had no other data."""
    return tuple((part.name, part.weight, spec.replace(data=part.data)) for part in spec.data.parts)


def open_parts(spec: RunSpec, *, roots: Sequence[Path] | None = None) -> tuple[OpenedPart, ...]:
    """Open all data of a run; the caller closes it with `close_parts`.

    `DataError` names the part that can't be opened.
    """
    opened: list[OpenedPart] = []
    with ExitStack() as on_failure:
        on_failure.callback(lambda: close_parts(opened))
        for name, weight, alone in specs_of(spec):
            try:
                data = open_data(
                    alone.data, alone.model.catalogue_entry, alone.variables, roots=roots
                )
            except DataError as error:
                message = said_of(name, error.message)
                raise type(error)(message, remedy=error.remedy, choices=error.choices) from error
            opened.append(OpenedPart(name=name, weight=weight, spec=alone, opened=data))
        on_failure.pop_all()
    return tuple(opened)


def close_parts(parts: Sequence[OpenedPart]) -> None:
    """Give all file handles back."""
    for part in parts:
        part.opened.close()


def check_parts(parts: Sequence[OpenedPart], *, read_fields: bool = True) -> tuple[Finding, ...]:
    """All findings about the data of a run: of each part, and of the parts together."""
    found = [
        in_part(part.name, finding)
        for part in parts
        for finding in check_for_training(part.opened, part.spec, read_fields=read_fields)
    ]
    return sort_findings([*mix_findings(parts), *found])


def in_part(name: str, finding: Finding) -> Finding:
    """A finding that says of which part it is; unchanged where nothing is mixed."""
    return replace(finding, message=said_of(name, finding.message)) if name else finding


def said_of(name: str, message: str) -> str:
    """A message that begins with the part's name, if it has one."""
    return f"Part {name!r}: {message}" if name else message


def mix_findings(parts: Sequence[OpenedPart]) -> Iterator[Finding]:
    """What stands in the way of using the parts together."""
    if len(parts) > 1:
        yield from _different_levels(parts)
        yield from _trained_elsewhere(parts)


def _different_levels(parts: Sequence[OpenedPart]) -> Iterator[Finding]:
    """One model normalises, and one loss weighs, the same levels throughout."""
    levels = [sorted(part.dataset["level"].values.tolist()) if "level" in part.dataset.coords
              else [] for part in parts]  # fmt: skip
    for part, own in zip(parts[1:], levels[1:], strict=True):
        if own != levels[0]:
            shared = sorted(set.intersection(*map(set, levels)), reverse=True)
            yield Finding(
                severity="error",
                code="mix-levels",
                message=f"The parts of the mix have different levels: {parts[0].name!r} has "
                f"{_listed(levels[0])} hPa, {part.name!r} has {_listed(own)} hPa.",
                remedy=f"Set data.levels to what all have: {_listed(shared)} hPa."
                if shared
                else "Mix data with levels in common.",
                fixes=(_use_levels(shared),) if shared else (),
            )


def _use_levels(levels: Sequence[float]) -> Fix:
    return Fix(
        label="Use the levels that all have", assignments=(f"data.levels={json.dumps(levels)}",)
    )


def _trained_elsewhere(parts: Sequence[OpenedPart]) -> Iterator[Finding]:
    """Times of the same source that one part validates with and another trains on."""
    splits = [split_times(part.spec, part.times) for part in parts]
    used = [
        {use: set(part.times[training_times(windows)].tolist())
         for use, windows in (("train", split.train), ("validation", split.validation))}
        for part, split in zip(parts, splits, strict=True)
    ]  # fmt: skip
    for (one, trains), (other, validates) in permutations(zip(parts, used, strict=True), 2):
        shared = trains["train"] & validates["validation"]
        if shared and _same_source(one, other):
            first = format_time(np.datetime64(min(shared), "ns"))
            yield Finding(
                severity="error",
                code="mix-overlap",
                message=f"Part {one.name!r} trains on {len(shared)} times, from {first} on, with "
                f"which part {other.name!r} of the same source validates: weather of one time "
                "resembles itself elsewhere, so that validation would not tell how well the "
                "model generalises.",
                remedy="Give all parts the same validation period.",
                fixes=tuple(_validate_together(one, other, validates["validation"])),
            )


def _validate_together(one: OpenedPart, other: OpenedPart, validation: set[int]) -> Iterator[Fix]:
    """The same beginning for all, unless parts have periods of their own, which go before it."""
    if not (one.spec.data.has_validation_period or other.spec.data.has_validation_period):
        first = format_time(np.datetime64(min(validation), "ns"))
        yield Fix(
            label=f"Validate with all times from {first} on",
            assignments=(f"data.validation_start={first}",),
        )


def _same_source(one: OpenedPart, other: OpenedPart) -> bool:
    mine, others = one.spec.data, other.spec.data
    if mine.source != others.source:
        return False
    if mine.source == "demo":
        return mine.demo == others.demo
    # A glob and a folder may hold the same files.
    return bool({*one.opened.files} & {*other.opened.files})


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "no"
