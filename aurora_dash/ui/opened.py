"""The chosen data, opened once for all pages and sessions, and what was found about it."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data import plan
from aurora_dash.data.check import DataSummary, check_for_training, describe
from aurora_dash.data.findings import Finding, not_opened, sort_findings
from aurora_dash.data.mix import OpenedPart, in_part, mix_findings, said_of, specs_of
from aurora_dash.data.open import OpenedData
from aurora_dash.data.places import stamp_of
from aurora_dash.data.roots import configured_roots, expand_paths
from aurora_dash.data.source import open_data
from aurora_dash.data.windows import Split
from aurora_dash.errors import DataError
from aurora_dash.spec import HUB, DataSpec, RunSpec
from aurora_dash.spec.urls import is_url

Stamps = tuple[tuple[str, str], ...]
# Seconds for which what is said about data elsewhere is not asked for again.
_ASK_AGAIN = 60


def opened(spec: RunSpec) -> OpenedData:
    """The spec's data, of a mix its first part; `DataError` if it can't be opened.

    Shared: nobody may change it.
    """
    return _opened_alone(one_part(spec))


def identity(spec: RunSpec) -> str:
    """A text that is another once the data that `opened` gives is, for caches of what is read."""
    alone = one_part(spec)
    return f"{_data_of(alone).to_json()} {_stamps(alone.data)}"


def one_part(spec: RunSpec, name: str = "") -> RunSpec:
    """The spec with the data of one part of its mix, the first if none is so called; the spec
    itself where nothing is mixed."""
    parts = {part.name: part.data for part in spec.data.parts}
    return spec.replace(data=parts.get(name, next(iter(parts.values()))))


def parts(spec: RunSpec) -> tuple[OpenedPart, ...]:
    """All data of the spec; `DataError` names the part that can't be opened. Shared too."""
    return tuple(_part(*part) for part in specs_of(spec))


def summary(spec: RunSpec) -> DataSummary:
    """What the spec's data, of a mix its first part, holds, without reading a field."""
    return describe(opened(spec))


def findings(spec: RunSpec) -> tuple[Finding, ...]:
    """Everything found about the spec's data; what can't be opened is an error among them."""
    try:
        found = list(mix_findings(parts(spec)))
        for name, _, alone in specs_of(spec):
            of_axes = check_for_training(_opened_alone(alone), alone, read_fields=False)
            of_fields = _check(_data_of(alone).to_json(), _stamps(alone.data))
            found.extend(in_part(name, finding) for finding in (*of_axes, *of_fields))
    except DataError as error:
        return (not_opened(error),)
    return sort_findings(found)


def training_times(spec: RunSpec) -> list[int]:
    """Indices of the times that are trained on: inputs and targets of the training samples; of a
    mix those of its first part."""
    alone = one_part(spec)
    return plan.training_times(_split(alone).train)


def num_training_samples(spec: RunSpec) -> int:
    """How many samples are trained on, of all parts."""
    return sum(len(_split(alone).train) for _, _, alone in specs_of(spec))


def _split(alone: RunSpec) -> Split:
    return plan.split_times(alone, _opened_alone(alone).dataset["time"].values)


def _opened_alone(alone: RunSpec) -> OpenedData:
    return _open(_data_of(alone).to_json(), _stamps(alone.data))


def _part(name: str, weight: float, alone: RunSpec) -> OpenedPart:
    try:
        data = _opened_alone(alone)
    except DataError as error:
        message = said_of(name, error.message)
        raise type(error)(message, remedy=error.remedy, choices=error.choices) from error
    return OpenedPart(name=name, weight=weight, spec=alone, opened=data)


def _data_of(spec: RunSpec) -> RunSpec:
    """Only what decides how the data is opened and read, so that a cache is not missed for less."""
    return RunSpec(model=spec.model, data=spec.data, variables=spec.variables)


def _stamps(data: DataSpec) -> Stamps:
    """Every file or store with what tells its content from another: that is opened anew."""
    if data.source == "demo":
        return ()
    copy = () if data.static_file in (None, HUB) else (data.static_file,)
    stamps: list[tuple[str, str]] = []
    for pattern in (*data.paths, *copy):
        stamps.extend(_elsewhere(pattern) if is_url(pattern) else _stamps_of(pattern))
    return tuple(stamps)


@st.cache_data(ttl=_ASK_AGAIN, max_entries=64, show_spinner="Asking the server")
def _elsewhere(url: str) -> Stamps:
    return _stamps_of(url)


def _stamps_of(pattern: str) -> Stamps:
    return tuple(stamp_of(place) for place in expand_paths([pattern], roots=configured_roots()))


@st.cache_resource(max_entries=8, show_spinner="Opening the data")
def _open(spec_json: str, stamps: Stamps) -> OpenedData:
    spec = RunSpec.model_validate_json(spec_json)
    variant = spec.model.catalogue_entry
    return open_data(spec.data, variant, spec.variables, roots=configured_roots())


@st.cache_data(max_entries=8, show_spinner="Checking the data")
def _check(spec_json: str, stamps: Stamps) -> tuple[Finding, ...]:
    spec = RunSpec.model_validate_json(spec_json)
    return check_for_training(_open(spec_json, stamps), spec)
