"""From a spec to a model with its statistics and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aurora
import torch
from torch import nn

from aurora_dash.data.hub import Progress
from aurora_dash.errors import CheckpointError, ModelError
from aurora_dash.model.checkpointing import checkpoint_activations
from aurora_dash.model.chunking import chunk_parts
from aurora_dash.model.groups import canonical_name, group_of
from aurora_dash.model.hub import fetch_checkpoint
from aurora_dash.model.initialise import embed_last, freeze_unused, initialise_new
from aurora_dash.model.load import LoadReport, load_into, random_report
from aurora_dash.model.memoryless import without_memory
from aurora_dash.model.normalised import OwnStatistics, own_class
from aurora_dash.model.offloading import offload_activations
from aurora_dash.model.options import added_parts, apply_options
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.model.saved import META_FILE, find_checkpoint, read_weights
from aurora_dash.model.statistics import ModelStatistics
from aurora_dash.model.trainable import base_weights, prepare_training
from aurora_dash.model.transforms import NewVariables
from aurora_dash.model.weights import StateDict, read_state_dict
from aurora_dash.runs.store import RunStore
from aurora_dash.spec import ModelSpec, RunSpec, VariableSpec
from aurora_dash.variables import Group

# Widths and depths by `ModelSpec.size`; ``full`` is what the variant's class has by itself.
SIZES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "tiny": {
            "embed_dim": 64,
            "num_heads": 4,
            "encoder_depths": (2, 2),
            "encoder_num_heads": (2, 4),
            "decoder_depths": (2, 2),
            "decoder_num_heads": (4, 2),
            "window_size": (2, 4, 8),
        },
        "small": {
            "embed_dim": 256,
            "num_heads": 8,
            "encoder_depths": (2, 6, 2),
            "encoder_num_heads": (4, 8, 16),
            "decoder_depths": (2, 6, 2),
            "decoder_num_heads": (16, 8, 4),
        },
        "full": {},
    }
)

# A vector of length `embed_dim`, in every variant and every age of the checkpoint format.
_WIDTH_KEYS = ("encoder.surf_level_encoding", "net.encoder.surf_level_encoding")


@dataclass(frozen=True, kw_only=True)
class BuiltModel:
    """A model ready to train or to forecast."""

    module: OwnStatistics
    statistics: ModelStatistics
    report: LoadReport
    variables: tuple[VariableSpec, ...]
    """The new ones, in the order in which their parameters were made."""
    size: str

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def num_trainable(self) -> int:
        """Number of weights that training changes."""
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)

    def parameters_by_group(self) -> dict[str, dict[str, nn.Parameter]]:
        """Parameters by group (`groups.PARAMETER_GROUPS`) and name, in the model's order."""
        found: dict[str, dict[str, nn.Parameter]] = {}
        for name, parameter in self.module.named_parameters():
            found.setdefault(group_of(name, self.variables), {})[name] = parameter
        return found

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Parameters that training changes, by the name that a checkpoint has."""
        own = self.module.named_parameters()
        return {canonical_name(name): p for name, p in own if p.requires_grad}

    def state_dict(self) -> StateDict:
        """The weights under the names that a checkpoint has."""
        return {canonical_name(key): value for key, value in self.module.state_dict().items()}


def build_model(
    spec: RunSpec,
    statistics: ModelStatistics | None = None,
    *,
    store: RunStore | None = None,
    progress: Progress | None = None,
) -> BuiltModel:
    """Build the model that a spec asks for, on the CPU, and fill it with its weights.

    Random weights, those of new variables included, follow from `spec.training.seed` alone and
    leave the process's generators untouched. `statistics` defaults to those of the spec; `store`
    is where an earlier run is looked up; `progress` follows a download. Raises `CheckpointError`
    or `ModelError`.
    """
    statistics = statistics or ModelStatistics.for_spec(spec)
    weights = _read_source(spec, store, progress)
    size = spec.model.size if weights is None else _size_of(weights, spec)
    module = _construct(spec, size)
    module.statistics = statistics
    apply_options(module, spec.model)
    module.new_variables = NewVariables(spec.variables)
    if weights is None:
        report = random_report(module, spec.variables)
    else:
        report = load_into(
            module,
            base_weights(module, weights.state_dict, spec.trainable),
            new_variables=spec.variables,
            adapt=not weights.is_ours,
            name=weights.name,
        )
    initialise_new(module, spec.variables, report.new)
    freeze_unused(module, spec.variables)
    embed_last(module, spec.variables)
    prepare_training(module, spec, None if weights is None else weights.state_dict)
    return _finished(module, spec, report, size)


def _save_memory(module: OwnStatistics, model: ModelSpec) -> None:
    if model.chunks != "off":
        all_parts = model.activation_checkpointing and model.checkpointed_layers == "default"
        chunk_parts(module, model.chunks, recompute_whole=all_parts)
    if model.activation_checkpointing:
        checkpoint_activations(module, model.checkpointed_layers)
    if model.offload_activations:
        offload_activations(module)


def build_empty(spec: RunSpec, *, store: RunStore | None = None) -> OwnStatistics:
    """The module that `build_model` would make, frozen alike, without memory for its weights.

    Takes about a second for any size and downloads nothing: for counting. Raises
    `CheckpointError` or `ModelError`.
    """
    module, _ = _construct_empty(spec, store)
    return module


def build_hollow(
    spec: RunSpec, statistics: ModelStatistics, *, store: RunStore | None = None
) -> BuiltModel:
    """All that `build_model` would make, ready for a training step, without memory for its weights.

    For trying out what a step does with tensors that have a shape and no values.
    """
    module, size = _construct_empty(spec, store)
    module.statistics = statistics
    apply_options(module, spec.model)
    module.new_variables = NewVariables(spec.variables)
    embed_last(module, spec.variables)
    return _finished(module, spec, random_report(module, spec.variables), size)


def _construct_empty(spec: RunSpec, store: RunStore | None) -> tuple[OwnStatistics, str]:
    """The module with what is attached to it, on the device ``meta``, and its size."""
    # A checkpoint of the hub is as large as its class.
    weights = None if spec.model.source == "hub" else _read_source(spec, store, None)
    size: str = "full" if spec.model.source == "hub" else spec.model.size
    size = size if weights is None else _size_of(weights, spec)
    with without_memory():
        module = _construct(spec, size)
        freeze_unused(module, spec.variables)
        prepare_training(module, spec)
    return module, size


def _finished(module: OwnStatistics, spec: RunSpec, report: LoadReport, size: str) -> BuiltModel:
    """The model, saving the memory that the spec wants saved."""
    _save_memory(module, spec.model)
    statistics = module.statistics
    assert statistics is not None
    return BuiltModel(
        module=module, statistics=statistics, report=report, variables=spec.variables, size=size
    )


@dataclass(frozen=True)
class _Weights:
    name: str
    state_dict: StateDict
    is_ours: bool
    """Saved by a run of this project: in the present format, names as in the model."""


def _read_source(
    spec: RunSpec, store: RunStore | None, progress: Progress | None
) -> _Weights | None:
    model = spec.model
    if model.source == "random":
        return None
    if model.source == "hub":
        path = fetch_checkpoint(model.catalogue_entry, progress)
        return _Weights(f"hub checkpoint {path.name}", read_state_dict(path), is_ours=False)
    if model.source == "run":
        if store is None or model.run is None:
            raise ModelError(f"Run {model.run!r} can't be looked up without the folder of runs.")
        folder = store.get(model.run).checkpoints_folder
        checkpoint = find_checkpoint(folder, model.checkpoint)
        return _Weights(f"run {model.run}, {checkpoint.name}", read_weights(checkpoint), True)
    return _read_local(Path(model.path or "").expanduser())


def _read_local(path: Path) -> _Weights:
    """A file in Aurora's format, or a checkpoint folder of a run (or the weights in one)."""
    folder = path if path.is_dir() else path.parent
    if (folder / META_FILE).exists():
        return _Weights(str(folder), read_weights(folder), is_ours=True)
    if path.is_dir():
        raise CheckpointError(
            f"{path} is a folder without {META_FILE}: it is no checkpoint of a run.",
            remedy="Give a checkpoint file, or a folder such as checkpoints/step-00000120.",
        )
    return _Weights(str(path), read_state_dict(path), is_ours=False)


def _size_of(weights: _Weights, spec: RunSpec) -> str:
    """The size whose width the checkpoint has: files don't say with what they were made."""
    width = next(
        (weights.state_dict[k].shape[0] for k in _WIDTH_KEYS if k in weights.state_dict), None
    )
    if width is None:
        raise CheckpointError(
            f"{weights.name} matched almost nothing: it has no {_WIDTH_KEYS[0]}, as all Aurora "
            f"checkpoints do; it holds {len(weights.state_dict)} tensors.",
            remedy="Choose a checkpoint of an Aurora model.",
        )
    # The class of the small variant has the width of the size ``small`` by itself.
    widths = {"full": 256 if spec.model.variant == "small" else 512, "small": 256, "tiny": 64}
    for size, known in widths.items():
        if known == width:
            return size
    raise CheckpointError(
        f"{weights.name} is {width} wide; variant {spec.model.variant!r} comes in widths "
        f"{', '.join(str(w) for w in sorted(set(widths.values())))}.",
        remedy="Choose the variant that the file was made for.",
    )


def constructor_options(spec: RunSpec, size: str) -> dict[str, Any]:
    """Arguments of the variant's class with which it is built as the spec asks."""
    base = getattr(aurora, spec.model.catalogue_entry.class_name)
    options: dict[str, Any] = dict(SIZES[size])
    if spec.variables:
        options |= {
            "surf_vars": spec.names(Group.SURFACE),
            "static_vars": spec.names(Group.STATIC),
            "atmos_vars": spec.names(Group.ATMOSPHERIC),
        }
    if spec.model.use_lora is not None:
        options["use_lora"] = spec.model.use_lora
    if spec.model.lora_mode is not None:
        options["lora_mode"] = spec.model.lora_mode
    if spec.model.stabilise_level_agg:
        options["stabilise_level_agg"] = True
    # V1.5 is told the lead time at every call; its time step is that of the inputs.
    if spec.data.lead_hours and not issubclass(base, aurora.AuroraV1p5):
        options["timestep"] = timedelta(hours=spec.data.lead_hours)
    # Half precision without loss scaling, as V1.5 has it for inference, loses small gradients.
    options |= {"autocast": spec.model.autocast, "autocast_dtype": torch.bfloat16}
    options |= added_parts(spec.model, base)
    return options


def _construct(spec: RunSpec, size: str) -> OwnStatistics:
    variant = spec.model.catalogue_entry
    base = getattr(aurora, variant.class_name)
    options = constructor_options(spec, size)
    try:
        with OwnRandomness(spec.training.seed):
            return own_class(base)(**options)
    except (AssertionError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"Variant {variant.id!r} can't be built with the chosen options: {error}.",
            remedy="Change the model's options back to their defaults.",
        ) from error
