"""What stands in the way of a launch, beyond the data: the weights, the device, its memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from aurora_dash.data.findings import Finding, sort_findings
from aurora_dash.doctor.surroundings import hub_findings
from aurora_dash.errors import AuroraDashError
from aurora_dash.model.advice import trainable_findings
from aurora_dash.model.hub import cached_checkpoint
from aurora_dash.spec import ModelSpec, RunSpec
from aurora_dash.ui import machine, opened, runs_view, words
from aurora_dash.ui.cache import run_store

_BYTES_A_WEIGHT = 4
_BYTES_A_TRAINED_WEIGHT = 16
"""The weight, its gradient and AdamW's two moments in single precision: no training does with
less."""
_PARAMETERS = {"tiny": 1_600_000, "small": 112_800_000}


def findings(spec: RunSpec) -> tuple[Finding, ...]:
    """Everything that was found about the spec, errors first."""
    return sort_findings(
        [
            *_weights(spec.model),
            *_device(spec.training.device),
            *_memory(spec),
            *trainable_findings(spec),
            *opened.findings(spec),
        ]
    )


def _weights(model: ModelSpec) -> Iterator[Finding]:
    """Whether the weights to begin with are there."""
    if model.source == "file" and not Path(model.path or "").is_file():
        yield _error(
            "weights-missing",
            f"There is no checkpoint file {model.path}.",
            "Choose another file on the Model page.",
        )
    elif model.source == "run":
        yield from _weights_of_run(model)
    elif model.source == "hub" and cached_checkpoint(model.catalogue_entry) is None:
        yield from (finding for finding in _hub() if finding.severity != "info")


def _weights_of_run(model: ModelSpec) -> Iterator[Finding]:
    remedy = "Choose another run or checkpoint on the Model page."
    try:
        run = run_store().get(model.run or "")
    except AuroraDashError as error:
        yield _error("weights-missing", error.message, remedy)
        return
    names = runs_view.checkpoints(run)
    if not names or (model.checkpoint not in ("best", "last") and model.checkpoint not in names):
        message = f"The run {run.id} has no checkpoint {model.checkpoint!r}."
        yield _error("weights-missing", message, remedy)


@st.cache_data(ttl=120, show_spinner="Asking whether the hub can be reached")
def _hub() -> list[Finding]:
    return [
        Finding(
            severity="error" if finding.severity == "warning" else finding.severity,
            code=finding.code,
            message=finding.message,
            remedy="Connect to the internet, choose a local file on the Model page, or begin with "
            "random weights.",
        )
        for finding in hub_findings(network=True)
    ]


def _device(name: str) -> Iterator[Finding]:
    if name not in (*machine.devices(), "cuda"):
        yield _error(
            "device-missing",
            f"The device {name} is not there: this machine has {', '.join(machine.devices()[1:])}.",
            "Choose the device under Device, validation, checkpoints.",
        )


def _memory(spec: RunSpec) -> Iterator[Finding]:
    """Whether weights, gradients and optimiser alone would fill the memory there is."""
    count = num_parameters(spec)
    whole = spec.trainable.parts == "all"
    needed = count * (_BYTES_A_TRAINED_WEIGHT if whole else _BYTES_A_WEIGHT)
    there = machine.memory_of(spec.training.device)
    if there is not None and needed > there:
        yield _error(
            "memory-too-small",
            f"Training {words.parameters(count)} parameters takes at least {words.size(needed)}; "
            f"there are {words.size(there)}.",
            "Choose a smaller model, or a machine with more memory.",
        )


def num_parameters(spec: RunSpec) -> int:
    """About how many parameters the model has."""
    if spec.model.is_random:
        return _PARAMETERS.get(spec.model.size, spec.model.catalogue_entry.num_parameters)
    return spec.model.catalogue_entry.num_parameters


def _error(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="error", code=code, message=message, remedy=remedy)
