"""From a batch to its loss: predict with the model, compare with what came true."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from aurora import Batch

from aurora_dash.model.build import BuiltModel
from aurora_dash.model.presence import may_be_absent
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.spec import RunSpec
from aurora_dash.training.cells import CellWeights
from aurora_dash.training.compared import Pool
from aurora_dash.training.distributed.team import Team
from aurora_dash.training.loss import LossTerms, build_loss, require_poolable
from aurora_dash.training.order import mix_seed
from aurora_dash.training.rollout.chain import Chain
from aurora_dash.training.rollout.crps import fair_crps
from aurora_dash.training.rollout.leads import lead_hours, mean_over_leads

See = Callable[[int, Batch, Batch], None]
"""Is shown each 0-based step of a forecast: its number, prediction (normalised) and target."""


class Comparer:
    """Predicts with a model and compares with the target, both as the loss wants them."""

    def __init__(
        self, model: BuiltModel, spec: RunSpec, device: torch.device, team: Team | None = None
    ) -> None:
        self.module = model.module
        self.world = (team or Team()).world
        self._forward = (team or Team()).forward
        self._splits = (team or Team()).share.splits_batches
        # The wave model marks waves as absent, and has no other missing predictions.
        self._loss = build_loss(spec, may_be_absent=may_be_absent(model.module))
        if self._splits:
            require_poolable(self._loss, spec)
        self._cells = CellWeights(spec.loss, device)
        self.device = device
        self._seed = spec.training.seed
        self._members = spec.rollout.members
        self._normalises_on_cpu = spec.loader.normalise_on_cpu
        self._tells_leads = spec.rollout.is_multi_step or bool(spec.rollout.lead_hours)
        self.can_persist = not set(spec.targets) & set(spec.output_only)
        """Whether all targets are among the inputs, so that they can be repeated."""

    def forecast(
        self,
        inputs: Batch,
        targets: tuple[Batch, ...],
        *,
        draw: int,
        skip: int = 0,
        keep: Callable[[Batch], None] | None = None,
        see: See | None = None,
        is_part: bool = False,
    ) -> LossTerms:
        """Mean loss of a forecast with a target for each step, its noise numbered by `draw`.

        The first `skip` steps are taken without gradient and have no target. `keep` is given the
        inputs of the step after the last, `see` each step as it is made: both those of the first
        member. A stochastic model is scored with all its members.
        `is_part` says that the batch is the share of this process: where processes share each
        batch, the mean of what they give is the loss of the whole.
        """
        pool = self.world.average if is_part and self._splits else None
        return self._forward(
            lambda: self._forecast(
                inputs, targets, draw=draw, skip=skip, keep=keep, see=see, pool=pool
            )
        )

    def _forecast(
        self,
        inputs: Batch,
        targets: tuple[Batch, ...],
        *,
        draw: int,
        skip: int,
        keep: Callable[[Batch], None] | None,
        see: See | None,
        pool: Pool | None,
    ) -> LossTerms:
        terms: dict[float, LossTerms] = {}
        with self._randomness(draw):
            chains = [
                Chain(self.module, inputs, self.device, normalise_on_cpu=self._normalises_on_cpu)
                for _ in range(self._members)
            ]
            for chain in chains:
                chain.skip(skip)
            for number, target in enumerate(targets):
                leads = lead_hours(chains[0].inputs, target)
                predictions = [chain.predict(leads) for chain in chains]
                hours = leads[0] * (chains[0].inputs.metadata.rollout_step + 1)
                terms[hours] = self._compare(predictions, target, pool)
                if see is not None:
                    see(number, predictions[0], target)
                if number + 1 < len(targets):
                    for chain, prediction in zip(chains, predictions, strict=True):
                        chain.advance(prediction)
            if keep is not None:
                with torch.no_grad():
                    chains[0].advance(predictions[0])
                keep(chains[0].inputs)
        # Samples of different lead times have no lead time together.
        if not self._tells_leads or len(set(leads)) > 1:
            return terms[hours]
        return mean_over_leads(terms)

    def persistence(self, inputs: Batch, targets: tuple[Batch, ...]) -> LossTerms:
        """Mean loss of repeating the newest input at each step."""
        newest = Batch(
            surf_vars={name: values[:, -1:] for name, values in inputs.surf_vars.items()},
            static_vars=inputs.static_vars,
            atmos_vars={name: values[:, -1:] for name, values in inputs.atmos_vars.items()},
            metadata=inputs.metadata,
        )
        repeated = self._normalised(newest)
        return mean_over_leads(
            {
                float(number): self._compare([repeated], target)
                for number, target in enumerate(targets)
            }
        )

    def _compare(
        self, predictions: list[Batch], target: Batch, pool: Pool | None = None
    ) -> LossTerms:
        loss = partial(self._loss, cells=self._cells.of(target))
        if pool is not None:
            loss = partial(loss, pool=pool)
        if len(predictions) == 1:
            return loss(predictions[0], self._normalised(target))
        return fair_crps(loss, predictions, self._normalised(target))

    def _normalised(self, batch: Batch) -> Batch:
        if self._normalises_on_cpu:
            return self.module.normalise_for_loss(batch).to(self.device)
        return self.module.normalise_for_loss(batch.to(self.device))

    def _randomness(self, draw: int) -> AbstractContextManager[object]:
        # The dispatch mode costs a little at every operation, so only who draws numbers pays.
        if not self.module.is_stochastic:
            return nullcontext()
        return OwnRandomness(mix_seed(self._seed, draw))
