"""AdamW with moments of 8 bits, from torchao: 2 bytes a parameter instead of 8.

Dettmers et al. 2022, "8-bit optimizers via block-wise quantization".
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from aurora_dash.errors import TrainingError

_PARTS = ("codes", "scale", "qmap")


def adamw_8bit(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser; its state dict holds plain tensors alone, and its rates are tensors.

    Raises `TrainingError` if torchao is not installed.
    """
    try:
        package = importlib.import_module("torchao.optim")
    except ImportError as error:
        raise TrainingError(
            f"optimiser.kind = 'adamw8bit' needs the package torchao: {error}.",
            remedy="Install it (pip install aurora-dash[eight-bit]), or choose 'adamw' with "
            "optimiser.offload, or 'adafactor', which takes little memory too.",
        ) from error
    optimiser: torch.optim.Optimizer = _with_plain_state(package.AdamW8bit, _quantised())(groups)
    return optimiser


def _quantised() -> type[Any]:
    state: type[Any] = importlib.import_module("torchao.optim.subclass_8bit").OptimState8bit
    return state


def _with_plain_state(base: type[Any], quantised: type[Any]) -> Callable[..., Any]:
    """torchao's optimiser, whose state can be saved and read as data."""

    class AdamW8bit(base):  # type: ignore[misc]
        def step(self, closure: Any = None) -> Any:
            with _compiled_if_it_pays(self.param_groups):
                return super().step(closure)

        def state_dict(self) -> dict[str, Any]:
            return _each_value(super().state_dict(), lambda value: _plain(value, quantised))

        def load_state_dict(self, state: Mapping[str, Any]) -> None:
            super().load_state_dict(_each_value(state, lambda value: _whole(value, quantised)))

    return AdamW8bit


def _compiled_if_it_pays(groups: list[dict[str, Any]]) -> AbstractContextManager[object]:
    """torchao compiles a step for each shape of weights, which takes a CPU minutes."""
    devices = {p.device.type for group in groups for p in group["params"]}
    if "cuda" in devices and any(map(shutil.which, ("cc", "gcc", "clang"))):
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def _each_value(state: Mapping[str, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
    moments = {
        key: {name: convert(value) for name, value in values.items()}
        for key, values in state["state"].items()
    }
    return {**state, "state": moments}


def _plain(value: Any, quantised: type[Any]) -> Any:
    if not isinstance(value, quantised):
        return value
    return {name: getattr(value, name) for name in _PARTS} | {"signed": value.signed}


def _whole(value: Any, quantised: type[Any]) -> Any:
    if not isinstance(value, dict):
        return value
    tensors: list[Tensor] = [value[name] for name in _PARTS]
    return quantised(*tensors, value["signed"], torch.float32)
