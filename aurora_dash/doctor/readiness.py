"""What stands in the way of a launch on this machine, beyond the data: weights, device, memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aurora_dash.data.findings import Finding
from aurora_dash.data.hub import cached_file
from aurora_dash.doctor.machine import MachineSummary
from aurora_dash.doctor.surroundings import hub_findings
from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import ModelSpec, RunSpec

_BYTES_A_WEIGHT = 4
_BYTES_A_TRAINED_WEIGHT = 16
"""The weight, its gradient and AdamW's two moments in single precision: no training does with
less."""
_PARAMETERS = {"tiny": 1_600_000, "small": 112_800_000}
_GIB = 2**30


def weights_findings(model: ModelSpec, store: RunStore) -> Iterator[Finding]:
    """Errors if the weights to begin with are not on this disk, the hub's left aside."""
    if model.source == "file" and not Path(model.path or "").exists():
        yield _error(
            "weights-missing",
            f"model.path: there is no checkpoint {model.path}.",
            "Give the path of a checkpoint file, or of a checkpoint folder of a run.",
        )
    elif model.source == "run":
        yield from _weights_of_run(model, store)


def _weights_of_run(model: ModelSpec, store: RunStore) -> Iterator[Finding]:
    remedy = "Choose another run or checkpoint; `aurora-dash runs list` shows the runs."
    try:
        run = store.get(model.run or "")
    except AuroraDashError as error:
        yield _error("weights-missing", error.message, remedy)
        return
    names = [path.name for path in run.checkpoints_folder.glob("step-*")]
    if not names or (model.checkpoint not in ("best", "last") and model.checkpoint not in names):
        message = f"model.run: the run {run.id} has no checkpoint {model.checkpoint!r}."
        yield _error("weights-missing", message, remedy)


def download_findings(model: ModelSpec) -> Iterator[Finding]:
    """An error if the weights have to come from the hub and it can't be reached; asks the hub."""
    variant = model.catalogue_entry
    if model.source != "hub" or cached_file(variant, variant.filename) is not None:
        return
    for finding in hub_findings(network=True):
        if finding.severity != "info":
            yield _error(
                finding.code,
                finding.message,
                "Connect to the internet, choose a local file, or begin with random weights.",
            )


def device_findings(name: str, machine: MachineSummary) -> Iterator[Finding]:
    """An error if the device that a spec names is not there."""
    devices = device_names(machine)
    if name not in (*devices, "cuda") or (name == "cuda" and not machine.gpus):
        yield _error(
            "device-missing",
            f"training.device = {name!r}: this machine has {', '.join(devices[1:])}.",
            "Choose 'auto' or one of these, or look at `aurora-dash doctor`.",
        )


def device_names(machine: MachineSummary) -> list[str]:
    """Values for a run's device on this machine."""
    return ["auto", "cpu", *(f"cuda:{gpu.index}" for gpu in machine.gpus)]


def memory_findings(spec: RunSpec, machine: MachineSummary) -> Iterator[Finding]:
    """An error if weights, gradients and optimiser alone would fill the memory there is."""
    count = num_parameters(spec)
    whole = spec.trainable.parts == "all"
    needed = count * (_BYTES_A_TRAINED_WEIGHT if whole else _BYTES_A_WEIGHT)
    there = memory_of(spec.training.device, machine)
    if there is not None and needed > there:
        yield _error(
            "memory-too-small",
            f"Training {count:,} parameters takes at least {needed / _GIB:.1f} GiB; there are "
            f"{there / _GIB:.1f} GiB.",
            "Choose a smaller model, train a part of it (LoRA), or take a machine with more "
            "memory.",
        )


def estimate_findings(needed: int, there: int) -> Iterator[Finding]:
    """A warning if a step was estimated to need more bytes than there are."""
    if needed > there:
        yield Finding(
            severity="warning",
            code="estimate-too-large",
            message=f"A training step is estimated to need {needed / _GIB:.1f} GiB; there are "
            f"{there / _GIB:.1f} GiB.",
            remedy="See Memory above for what would make it fit, or `aurora-dash estimate --fit`.",
        )


def memory_of(device: str, machine: MachineSummary) -> int | None:
    """Bytes that a run on `device` may use; None where that is not known."""
    gpus = {f"cuda:{gpu.index}": gpu for gpu in machine.gpus}
    if device == "cpu" or not gpus:
        return machine.memory_bytes
    gpu = gpus.get("cuda:0" if device in ("auto", "cuda") else device)
    return gpu.memory_bytes if gpu else None


def num_parameters(spec: RunSpec) -> int:
    """About how many parameters the model has."""
    if spec.model.is_random:
        return _PARAMETERS.get(spec.model.size, spec.model.catalogue_entry.num_parameters)
    return spec.model.catalogue_entry.num_parameters


def _error(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="error", code=code, message=message, remedy=remedy)
