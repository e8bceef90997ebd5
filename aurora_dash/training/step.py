"""One training step: predict, compare, differentiate, look, clip, update."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from aurora import Batch
from torch import Tensor

from aurora_dash.errors import CheckpointError, NotFiniteError, TrainingError
from aurora_dash.model.build import BuiltModel
from aurora_dash.model.randomness import OwnRandomness
from aurora_dash.spec import RunSpec
from aurora_dash.training.gradients import clip_gradients, gradient_norms
from aurora_dash.training.loss import LossTerms, build_loss
from aurora_dash.training.optimiser import NEW, build_optimiser, set_learning_rates
from aurora_dash.training.order import mix_seed
from aurora_dash.training.parts import Stateful
from aurora_dash.training.rollout.chain import Chain
from aurora_dash.training.rollout.crps import fair_crps
from aurora_dash.training.rollout.leads import lead_hours, mean_over_leads
from aurora_dash.training.rollout.replay import Replay
from aurora_dash.training.rollout.rollout import Rollout

Record = dict[str, float]

_NAMED = 6


class Comparer:
    """Predicts with a model and compares with the target, both as the loss wants them."""

    def __init__(self, model: BuiltModel, spec: RunSpec, device: torch.device) -> None:
        self.module = model.module
        # The wave model marks waves as absent, and has no other missing predictions.
        absent = getattr(model.module, "density_channel_surf_vars", ())
        self._loss = build_loss(spec, may_be_absent=absent)
        self.device = device
        self._seed = spec.training.seed
        self._members = spec.rollout.members
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
    ) -> LossTerms:
        """Mean loss of a forecast with a target for each step, its noise numbered by `draw`.

        The first `skip` steps are taken without gradient and have no target. `keep` is given the
        inputs of the step after the last. A stochastic model is scored with all its members.
        """
        terms: dict[float, LossTerms] = {}
        with self._randomness(draw):
            chains = [Chain(self.module, inputs, self.device) for _ in range(self._members)]
            for chain in chains:
                chain.skip(skip)
            for number, target in enumerate(targets):
                leads = lead_hours(chains[0].inputs, target)
                predictions = [chain.predict(leads) for chain in chains]
                hours = leads[0] * (chains[0].inputs.metadata.rollout_step + 1)
                terms[hours] = self._compare(predictions, self._normalised(target))
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
                float(number): self._loss(repeated, self._normalised(target))
                for number, target in enumerate(targets)
            }
        )

    def _compare(self, predictions: list[Batch], target: Batch) -> LossTerms:
        if len(predictions) == 1:
            return self._loss(predictions[0], target)
        return fair_crps(self._loss, predictions, target)

    def _normalised(self, batch: Batch) -> Batch:
        return self.module.normalise_for_loss(batch.to(self.device))

    def _randomness(self, draw: int) -> AbstractContextManager[object]:
        # The dispatch mode costs a little at every operation, so only who draws numbers pays.
        if not self.module.is_stochastic:
            return nullcontext()
        return OwnRandomness(mix_seed(self._seed, draw))


class TrainingStep:
    """Changes the weights once a call, unless a loss or gradient is not finite."""

    def __init__(
        self,
        model: BuiltModel,
        spec: RunSpec,
        device: torch.device,
        total_steps: int,
        *,
        replay: Replay | None = None,
    ) -> None:
        self.total_steps = total_steps
        self.comparer = Comparer(model, spec, device)
        self._rollout = Rollout(spec, self.comparer, replay)
        self._spec = spec.optimiser
        self._groups = model.parameters_by_group()
        self.optimiser = build_optimiser(self._groups, spec.optimiser, spec.variables)

    def __call__(self, step: int, inputs: Batch, targets: tuple[Batch, ...]) -> Record:
        """Take 0-based step `step`; returns the numbers of its record.

        Raises `TrainingError` before the weights change if anything is not finite.
        """
        rates = set_learning_rates(self.optimiser, step, self.total_steps, self._spec)
        self.optimiser.zero_grad(set_to_none=True)
        terms = self._rollout.loss(step, inputs, targets)
        torch.autograd.backward(terms.total)
        norms = gradient_norms(self._groups)
        record = to_floats(
            {
                "loss": terms.total.detach(),
                "grad_norm": norms.total,
                **{f"grad_norm/{group}": norm for group, norm in norms.by_group.items()},
                **{f"loss/{name}": part for name, part in terms.by_variable.items()},
                **{f"lead_loss/{hours:g}": part for hours, part in terms.by_lead.items()},
                "num_compared": terms.num_compared,
            }
        )
        missing = 1 - record.pop("num_compared") / terms.num_values
        refuse_unless_finite(step, record, missing, inputs)
        if self._spec.clip_norm is not None:
            clip_gradients(self._groups, norms.total, self._spec.clip_norm)
            record["grad_norm_clipped"] = min(record["grad_norm"], self._spec.clip_norm)
        self.optimiser.step()
        self._rollout.commit()
        return record | _rates(rates) | ({"missing_fraction": missing} if missing else {})

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.comparer.device

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """What a resume needs besides weights and optimiser, by the name of its file."""
        return self._rollout.parts

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the optimiser's state from a checkpoint; the rates stay those of the spec.

        Raises `CheckpointError` if it was made with other parameters or groups.
        """
        peaks = [group["peak_lr"] for group in self.optimiser.param_groups]
        decay = self._spec.weight_decay
        try:
            self.optimiser.load_state_dict(dict(state))
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"The optimiser's state does not fit this run: {error}.",
                remedy="Start a new run from the checkpoint's weights instead of resuming.",
            ) from error
        for group, peak in zip(self.optimiser.param_groups, peaks, strict=True):
            group["peak_lr"], group["weight_decay"] = peak, decay


def to_floats(values: Mapping[str, Tensor]) -> Record:
    """Tensors of no dimension as Python numbers, with one transfer from the device."""
    numbers = torch.stack([value.double() for value in values.values()]).tolist()
    return dict(zip(values, numbers, strict=True))


def refuse_unless_finite(step: int, record: Record, missing: float, inputs: Batch) -> None:
    """Raise `NotFiniteError` that names what is not finite in the numbers of a step."""
    if missing == 1:
        raise TrainingError(
            f"Step {step + 1}: all target values of the batch at {_times(inputs)} are missing.",
            remedy="Choose another period or other targets, or fill the gaps.",
        )
    if math.isfinite(record["loss"]) and math.isfinite(record["grad_norm"]):
        return
    what = "gradient" if math.isfinite(record["loss"]) else "loss"
    prefix = "grad_norm/" if what == "gradient" else "loss/"
    odd = [k.removeprefix(prefix) for k, v in record.items() if k.startswith(prefix)]
    odd = [name for name in odd if not math.isfinite(record[prefix + name])]
    gaps = [name for name, values in _variables(inputs) if not torch.isfinite(values).all()]
    because = f" The input has missing or infinite values in {_some(gaps)}." if gaps else ""
    raise NotFiniteError(
        f"Step {step + 1}: the {what} is not finite (in {_some(odd)}; batch of {_times(inputs)})."
        f"{because} The weights were left as they were.",
        remedy="Check the data at that time for gaps and outliers."
        if gaps
        else "Lower the learning rate, clip more (optimiser.clip_norm) or set "
        "model.stabilise_level_agg: the alert on Monitor, or `aurora-dash runs fix`, does so "
        "from a sound checkpoint.",
        in_data=bool(gaps),
    )


def _rates(rates: Mapping[str, float]) -> Record:
    new = {group: rate for group, rate in rates.items() if group.partition("/")[0] == NEW}
    usual = [rate for group, rate in rates.items() if group not in new]
    first = usual[0] if usual else next(iter(new.values()))
    return {"lr": first} | {f"lr/{group}": rate for group, rate in new.items()}


def _variables(batch: Batch) -> list[tuple[str, Tensor]]:
    parts = (batch.surf_vars, batch.static_vars, batch.atmos_vars)
    return [(name, values) for part in parts for name, values in part.items()]


def _times(batch: Batch) -> str:
    return ", ".join(f"{time:%Y-%m-%dT%H:%M}" for time in batch.metadata.time)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
