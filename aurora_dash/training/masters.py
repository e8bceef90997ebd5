"""Copies of the weights that the optimiser changes in place of the model's own.

Where a model computes with weights in bfloat16, their small steps would be lost in the rounding:
the optimiser changes float32 masters, and the model gets them rounded (Micikevicius et al. 2018,
"Mixed precision training", section 3.1). Where moments are kept in the host's memory, the masters
are there too, and the step is taken there (Ren et al. 2021, "ZeRO-Offload").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from aurora_dash.model.groups import canonical_name
from aurora_dash.model.normalised import OwnStatistics
from aurora_dash.model.transfers import Arrival, Lane
from aurora_dash.spec import RunSpec
from aurora_dash.training.optimiser import Groups

_BUCKET_BYTES = 64 * 2**20
"""Of weights that are stepped at once: few calls, and copies that pass beside the steps."""

_Pair = tuple[nn.Parameter, nn.Parameter]
"""One of the model's weights and its master."""


class Masters:
    """The masters of those weights of a model that have one; all others are their own.

    With `model.weights_dtype` ``bfloat16`` the linear layers of the parts under autocast are
    rounded here: autocast would round the same numbers at every step. The module's state dict
    gives the masters from now on, so that checkpoints have all digits; what is loaded into it
    takes effect with `write_back`. Must come before anything that hooks on to the weights.
    """

    def __init__(self, module: OwnStatistics, spec: RunSpec, device: torch.device) -> None:
        self._on_host = spec.optimiser.offload
        self._lane = Lane(device if self._on_host else torch.device("cpu"))
        rounded = _rounded(module, spec)
        full = {canonical_name(name): value for name, value in module.state_dict().items()}
        self._pairs: dict[str, _Pair] = {}
        for long_name, own in module.named_parameters():
            name = canonical_name(long_name)
            if id(own) in rounded or (self._on_host and own.requires_grad):
                self._pairs[name] = (own, self._master_of(own, full[name]))
            if id(own) in rounded:
                own.data = own.data.to(torch.bfloat16)
        self._by_own = {id(own): master for own, master in self._pairs.values()}
        self._buckets = _buckets([pair for pair in self._pairs.values() if pair[0].requires_grad])
        self._sent: dict[int, Arrival] = {}
        if self._pairs:
            hook = partial(_give_masters, self._pairs)
            module.register_state_dict_post_hook(hook)  # type: ignore[no-untyped-call]

    def _master_of(self, own: nn.Parameter, full: Tensor) -> nn.Parameter:
        if not own.requires_grad:
            # Only looked at when a checkpoint is written.
            return nn.Parameter(full.detach().to("cpu", copy=True), requires_grad=False)
        if self._on_host:
            return nn.Parameter(self._lane.host_like(full).copy_(full.detach()))
        return nn.Parameter(full.detach().clone())

    def of(self, own: nn.Parameter) -> nn.Parameter:
        """The master of one of the model's weights, or that itself."""
        return self._by_own.get(id(own), own)

    def groups(self, groups: Groups) -> Groups:
        """What the optimiser changes, by group and name."""
        return {
            group: {name: self.of(own) for name, own in parameters.items()}
            for group, parameters in groups.items()
        }

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """Take the optimiser's step with the gradients that the model's weights have."""
        if not self._pairs:
            optimiser.step()
            return
        masters = {id(master) for master in self._by_own.values()}
        everything = {id(p) for group in optimiser.param_groups for p in group["params"]}
        with only(optimiser, everything - masters):
            optimiser.step()
        self._lane.enter()
        arrivals = self._fetch(0)
        for number, bucket in enumerate(self._buckets):
            # The gradients of the next bucket come while this one is stepped.
            following = self._fetch(number + 1)
            self._step_bucket(optimiser, bucket, arrivals)
            arrivals = following
        self._lane.leave()

    def take(self, optimiser: torch.optim.Optimizer, own: nn.Parameter) -> None:
        """Use the gradient of one of the model's weights, and let it go.

        It is stepped now; or its gradient goes to the host's memory, and `step` is still to come.
        """
        master = self._by_own.get(id(own))
        if master is None:
            with only(optimiser, {id(own)}):
                optimiser.step()
        elif self._on_host:
            self._lane.enter()
            self._sent[id(own)] = self._arrival(own)
        else:
            self._step_bucket(optimiser, [(own, master)], [self._arrival(own)])
        own.grad = None

    def _fetch(self, number: int) -> list[Arrival | None]:
        bucket = self._buckets[number] if number < len(self._buckets) else []
        return [
            self._sent.pop(id(own), None) or (None if own.grad is None else self._arrival(own))
            for own, _ in bucket
        ]

    def _arrival(self, own: nn.Parameter) -> Arrival:
        assert own.grad is not None
        return self._lane.to_host(own.grad) if self._on_host else Arrival(own.grad)

    def _step_bucket(
        self,
        optimiser: torch.optim.Optimizer,
        bucket: list[_Pair],
        arrivals: list[Arrival | None],
    ) -> None:
        for (_, master), arrival in zip(bucket, arrivals, strict=True):
            master.grad = None if arrival is None else arrival.wait().to(master.dtype)
        with only(optimiser, {id(master) for _, master in bucket}):
            optimiser.step()
        for own, master in bucket:
            master.grad = None
            self._lane.to_device(master.detach(), own.detach())

    def write_back(self) -> None:
        """Give the model's weights the values of their masters."""
        for own, master in self._pairs.values():
            own.detach().copy_(master.detach())


def _give_masters(
    pairs: Mapping[str, _Pair],
    module: nn.Module,
    state: dict[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
) -> None:
    """Put masters in place of the weights that a state dict would hold."""
    for key in state:
        name = canonical_name(key.removeprefix(prefix))
        if name in pairs:
            state[key] = pairs[name][1].detach()


def _rounded(module: OwnStatistics, spec: RunSpec) -> set[int]:
    """Which weights are held in bfloat16, by identity.

    Linear layers alone: embeddings, latents and normalisations are small, and their numbers are
    used as they are; the first of all says in which type the model takes its input.
    """
    if spec.model.weights_dtype == "float32":
        return set()
    parts = [
        part
        for part, computes_so in (
            (module.encoder, module.autocast_encoder),
            (module.backbone, module.autocast_backbone),
            (module.decoder, module.autocast_decoder),
        )
        if computes_so
    ]
    layers = [m for part in parts for m in part.modules() if isinstance(m, nn.Linear)]
    return {id(p) for layer in layers for p in layer.parameters(recurse=False)}


def _buckets(pairs: list[_Pair]) -> list[list[_Pair]]:
    found: list[list[_Pair]] = []
    size = _BUCKET_BYTES
    for own, master in pairs:
        if size >= _BUCKET_BYTES:
            found.append([])
            size = 0
        found[-1].append((own, master))
        size += master.numel() * master.element_size()
    return found


@contextmanager
def only(optimiser: torch.optim.Optimizer, wanted: Collection[int]) -> Iterator[None]:
    """Within the block the optimiser knows no other parameters (by identity)."""
    groups = optimiser.param_groups
    optimiser.param_groups = [
        {**group, "params": members}
        for group in groups
        if (members := [p for p in group["params"] if id(p) in wanted])
    ]
    try:
        yield
    finally:
        optimiser.param_groups = groups
