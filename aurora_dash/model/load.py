"""Weights into a model, with an account of what fitted and what did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aurora_dash.errors import CheckpointError
from aurora_dash.model.groups import belongs_to_new_variable, canonical_name, group_of
from aurora_dash.model.weights import StateDict, read_state_dict
from aurora_dash.spec import VariableSpec

_EMBEDDINGS = ("encoder.surf_token_embeds.", "encoder.atmos_token_embeds.")
_FIRST_PERCEIVER = "decoder.level_decoder."
_SECOND_PERCEIVER = "decoder.level_decoder_alternate."
_NAMED = 4


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What became of every parameter when weights were loaded; names as in the model."""

    source: str
    matched: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    """Of new variables and added parts: initialised, not loaded."""
    random: tuple[str, ...] = ()
    """All others, in a model that no weights were loaded into."""
    missing: tuple[str, ...] = ()
    """Optional parts that the checkpoint lacks: LoRA and stabilised level aggregation."""
    unexpected: tuple[str, ...] = ()
    """In the checkpoint, but not in the model."""
    mismatched: tuple[str, ...] = ()
    """Of another shape; such a load is refused, so that only the error's report has them."""
    groups: Mapping[str, Mapping[str, int]]
    """Number of tensors by parameter group and outcome."""

    @property
    def complete(self) -> bool:
        """Whether the checkpoint filled the whole model and nothing of it was left over."""
        return not (self.random or self.new or self.missing or self.unexpected or self.mismatched)

    def summary(self) -> str:
        """One line for people."""
        if self.random:
            new = f", {len(self.new)} new ({_some(self.new)})" if self.new else ""
            return f"{self.source}: {len(self.random)} tensors random{new}"
        parts = [f"{len(self.matched)} matched"]
        for outcome in ("new", "missing", "unexpected", "mismatched"):
            if names := getattr(self, outcome):
                parts.append(f"{len(names)} {outcome} ({_some(names)})")
        return f"{self.source}: " + ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        outcomes = ("matched", "new", "random", "missing", "unexpected", "mismatched")
        return {
            "source": self.source,
            "complete": self.complete,
            "groups": {group: dict(counts) for group, counts in self.groups.items()},
            **{outcome: list(getattr(self, outcome)) for outcome in outcomes},
        }


class LoadRefusedError(CheckpointError):
    """Weights that don't fit the model; `report` says where."""

    def __init__(self, message: str, *, remedy: str, report: LoadReport) -> None:
        super().__init__(message, remedy=remedy)
        self.report = report


def load_into(
    module: nn.Module,
    source: Path | StateDict,
    *,
    new_variables: Iterable[VariableSpec] = (),
    adapt: bool = True,
    name: str = "",
) -> LoadReport:
    """Fill a model from a checkpoint file or a state dict, in place.

    With `adapt` the weights are brought to the package's present format first, as Aurora's own
    `load_checkpoint_local` does; checkpoints of our own runs are in it already. Only parameters
    of `new_variables`, LoRA and stabilised level aggregation may be absent from the checkpoint.
    Raises `CheckpointError` for anything else, before the model is touched.
    """
    name = name or (str(source) if isinstance(source, Path) else "weights")
    weights = dict(read_state_dict(source) if isinstance(source, Path) else source)
    if adapt:
        weights = _adapted(module, weights, name)
    own = {canonical_name(key): value for key, value in module.state_dict().items()}
    report = _compare(own, weights, tuple(new_variables), name)
    _refuse_unless_usable(report, own, weights)
    filling = {key: weights[key] for key in report.matched} | _second_perceiver(report, weights)
    with torch.no_grad():
        for key, value in filling.items():
            own[key].copy_(value)
    return report


def random_report(module: nn.Module, new_variables: Iterable[VariableSpec]) -> LoadReport:
    """The report of a model whose weights are all random."""
    variables = tuple(new_variables)
    names = [canonical_name(key) for key in module.state_dict()]
    new = tuple(name for name in names if belongs_to_new_variable(name, variables))
    outcomes = {"random": tuple(name for name in names if name not in new), "new": new}
    groups = _by_group(outcomes, variables)
    return LoadReport(source="random weights", groups=groups, **outcomes)


def _adapted(module: Any, weights: StateDict, name: str) -> StateDict:
    try:
        weights = module._adapt_checkpoint(weights)
    except (KeyError, AssertionError, RuntimeError, IndexError, ValueError) as error:
        raise CheckpointError(
            f"{name} is not a checkpoint of {type(module).__name__}: bringing it to the present "
            f"format failed at {error}.",
            remedy="Choose the variant that the file was made for.",
        ) from error
    history = {value.shape[2] for key, value in weights.items() if _is_embedding(key, value)}
    if history and max(history) > module.max_history_size:
        raise CheckpointError(
            f"{name} uses {max(history)} history steps, the model {module.max_history_size}.",
            remedy="Choose the variant that the file was made for.",
        )
    if history and min(history) < module.max_history_size:
        module.adapt_checkpoint_max_history_size(weights)
    return weights


def _is_embedding(key: str, value: Tensor) -> bool:
    return key.startswith(_EMBEDDINGS) and value.ndim == 5


def _compare(
    own: Mapping[str, Tensor], weights: StateDict, new: tuple[VariableSpec, ...], name: str
) -> LoadReport:
    absent = [key for key in own if key not in weights]
    outcomes = {
        "matched": tuple(k for k in own if k in weights and own[k].shape == weights[k].shape),
        "mismatched": tuple(k for k in own if k in weights and own[k].shape != weights[k].shape),
        "new": tuple(key for key in absent if _is_new(key, weights, new)),
        "missing": tuple(key for key in absent if not _is_new(key, weights, new)),
        "unexpected": tuple(key for key in weights if key not in own),
    }
    return LoadReport(source=name, groups=_by_group(outcomes, new), **outcomes)


def _is_new(key: str, weights: StateDict, variables: tuple[VariableSpec, ...]) -> bool:
    return belongs_to_new_variable(key, variables) or (
        key.startswith(_SECOND_PERCEIVER) and _first_of(key) in weights
    )


def _first_of(key: str) -> str:
    return key.replace(_SECOND_PERCEIVER, _FIRST_PERCEIVER)


def _second_perceiver(report: LoadReport, weights: StateDict) -> StateDict:
    """A decoder's second Perceiver begins as a copy of the first: forecasts stay as they were."""
    keys = (key for key in report.new if key.startswith(_SECOND_PERCEIVER))
    return {key: weights[_first_of(key)] for key in keys}


def _by_group(
    outcomes: Mapping[str, tuple[str, ...]], new: tuple[VariableSpec, ...]
) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for outcome, keys in outcomes.items():
        for key in keys:
            counts.setdefault(group_of(key, new), Counter())[outcome] += 1
    return {group: dict(counter) for group, counter in counts.items()}


def _is_optional(key: str) -> bool:
    return ".lora_" in key or ".ln_k." in key or ".ln_q." in key


def _refuse_unless_usable(
    report: LoadReport, own: Mapping[str, Tensor], weights: StateDict
) -> None:
    if 2 * len(report.matched) < len(own) - len(report.new):
        raise LoadRefusedError(
            f"{report.source} matched almost nothing: {len(report.matched)} of the model's "
            f"{len(own)} tensors; it holds {len(weights)} ({_some(report.unexpected)}).",
            remedy="Choose the variant and size that the file was made for.",
            report=report,
        )
    if report.mismatched:
        key = report.mismatched[0]
        raise LoadRefusedError(
            f"{report.source} does not fit the model: {len(report.mismatched)} tensors have "
            f"another shape, first {key} with {tuple(weights[key].shape)} instead of "
            f"{tuple(own[key].shape)}.",
            remedy="Choose the variant and size that the file was made for.",
            report=report,
        )
    if needed := tuple(key for key in report.missing if not _is_optional(key)):
        raise LoadRefusedError(
            f"{report.source} lacks {len(needed)} tensors of the model: {_some(needed)}.",
            remedy="Choose the variant that the file was made for; variables that it does not "
            "know must be registered as new.",
            report=report,
        )


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
