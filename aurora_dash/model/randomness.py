"""Random numbers of one's own: neither read from nor written to the process's generators.

Torch's layers draw their initial weights from the process-wide generator. Two trainings in one
process would disturb each other there, and `fork_rng` swaps the state for every thread at once.
A dispatch mode is local to its thread, so it can hand each random operation a private generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from aurora_dash.errors import ModelError


class OwnRandomness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block, this thread's random operations draw from a private seeded generator."""

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def generator(self, device: torch.device) -> torch.Generator:
        """The private generator of a device, seeded when first used."""
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self._seed)
        return self._generators[device]

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        keywords = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags and keywords.get("generator") is None:
            device = _device_of(args, keywords)
            # Tensors without memory draw no numbers, and there is no generator for them.
            if device.type != "meta":
                func = _accepting_generator(func)
                keywords["generator"] = self.generator(device)
        return func(*args, **keywords)


def _accepting_generator(func: Any) -> Any:
    """The overload of a random operation that can be handed a generator."""
    if any(argument.name == "generator" for argument in func._schema.arguments):
        return func
    packet, overload = func.overloadpacket, func._overloadname
    name = "generator" if overload == "default" else f"{overload}_generator"
    if name not in packet.overloads():
        raise ModelError(
            f"The random operation {func} can't be given a generator of its own, "
            "so that a run with it would not be reproducible.",
            remedy="Report this with the model's settings.",
        )
    return getattr(packet, name)


def _device_of(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> torch.device:
    if args and isinstance(args[0], torch.Tensor):
        return args[0].device
    return torch.device(keywords.get("device") or "cpu")
