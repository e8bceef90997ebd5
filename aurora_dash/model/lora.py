"""Low-rank weights attached to a backbone from outside, whatever the variant.

The package has a LoRA of its own, of fixed rank and layers, which some checkpoints bring along.
This one stands beside it: its rank, strength and layers are chosen, it begins with exactly no
effect, and it can be merged into the weights that it was attached to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from aurora_dash.model.weights import StateDict
from aurora_dash.spec import LoraSpec

# Part of parameter names; groups.py tells LoRA weights by the ``.lora_`` in it.
_ADAPTER = "lora_adapter"
_SUFFIXES = {"qkv": (".attn.qkv",), "proj": (".attn.proj",), "mlp": (".mlp.fc1", ".mlp.fc2")}


class Adapter(nn.Module):
    """The low-rank part: scaling * B A, with B zero at first."""

    scaling: Tensor

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.A = nn.Parameter(torch.empty(rank, linear.in_features))
        self.B = nn.Parameter(torch.zeros(linear.out_features, rank))
        # Kept with the weights, so that they can be merged without knowing the spec.
        self.register_buffer("scaling", torch.tensor(alpha / rank))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the linear layer's output."""
        return nn.functional.linear(nn.functional.linear(x, self.A), self.B) * self.scaling


class AdaptedLinear(nn.Linear):
    """A linear layer with an adapter beside it; its own weights keep their names."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self.lora_adapter = Adapter(linear, rank, alpha)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output and the adapter's."""
        return super().forward(x) + self.lora_adapter(x)  # type: ignore[no-any-return]


def attach_lora(module: nn.Module, spec: LoraSpec) -> None:
    """Put adapters beside the backbone's layers that `spec.targets` names, in a fixed order.

    Draws random numbers from the generator in force. The model computes what it did before.
    """
    for name, linear in _targets(module, spec):
        owner, _, attribute = name.rpartition(".")
        adapted = AdaptedLinear(linear, spec.rank, spec.alpha)
        setattr(module.get_submodule(owner), attribute, adapted)


def would_attach(module: nn.Module, spec: LoraSpec, adapters: Mapping[str, Tensor]) -> bool:
    """Whether `attach_lora` makes adapters of just these layers, shapes and strength."""
    expected: dict[str, tuple[int, ...]] = {}
    for name, linear in _targets(module, spec):
        prefix = f"{name}.{_ADAPTER}."
        expected[prefix + "A"] = (spec.rank, linear.in_features)
        expected[prefix + "B"] = (linear.out_features, spec.rank)
        expected[prefix + "scaling"] = ()
    scaling = torch.tensor(spec.alpha / spec.rank)
    return {name: tuple(value.shape) for name, value in adapters.items()} == expected and all(
        torch.equal(value, scaling) for name, value in adapters.items() if name.endswith("scaling")
    )


def _targets(module: nn.Module, spec: LoraSpec) -> list[tuple[str, nn.Linear]]:
    suffixes = tuple(suffix for target in spec.targets for suffix in _SUFFIXES[target])
    return [
        (name, part)
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and name.startswith("backbone.") and name.endswith(suffixes)
    ]


def is_adapter(parameter_name: str) -> bool:
    """Whether a parameter belongs to an adapter of this module, not to a LoRA of the package."""
    return f".{_ADAPTER}." in parameter_name


def adapter_weights(weights: Mapping[str, Tensor]) -> StateDict:
    """The part of a state dict that belongs to adapters."""
    return {name: value for name, value in weights.items() if is_adapter(name)}


def merge_lora(weights: Mapping[str, Tensor]) -> StateDict:
    """A state dict without adapters that computes the same: W + scaling * B A."""
    merged = {name: value for name, value in weights.items() if not is_adapter(name)}
    for name in _adapted_layers(weights):
        prefix = f"{name}.{_ADAPTER}."
        a, b, scaling = (weights[prefix + part] for part in ("A", "B", "scaling"))
        weight = weights[f"{name}.weight"]
        # In double precision, so that merging rounds once.
        change = (b.double() @ a.double()) * scaling.double()
        merged[f"{name}.weight"] = (weight.double() + change).to(weight.dtype)
    return merged


def _adapted_layers(weights: Mapping[str, Tensor]) -> Iterator[str]:
    ending = f".{_ADAPTER}.A"
    return (name.removesuffix(ending) for name in weights if name.endswith(ending))
