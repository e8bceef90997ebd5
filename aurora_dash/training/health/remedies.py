"""Changes that help against one trouble or another, as far as a spec does not have them yet."""

from __future__ import annotations

import json
from collections.abc import Iterable

from aurora_dash.errors import SpecError
from aurora_dash.runs.alerts import Remedy, Start
from aurora_dash.spec import RunSpec

Offer = Remedy | None

_RANDOM_RATE, _CHECKPOINT_RATE = 1e-3, 1e-4
_FAR = 10
"""A rate so many times the usual is not near one that works."""
_CLIPPING = {"norm": "clip_norm", "value": "clip_value", "adaptive": "clip_factor"}


def usable(spec: RunSpec, offers: Iterable[Offer]) -> tuple[Remedy, ...]:
    """Those of the offers that make a valid spec and change it."""
    return tuple(offer for offer in offers if offer is not None and _changes(spec, offer))


def _changes(spec: RunSpec, remedy: Remedy) -> bool:
    try:
        return spec.with_overrides(remedy.assignments) != spec
    except SpecError:
        return False


def diverged_remedies(spec: RunSpec) -> tuple[Remedy, ...]:
    """What helps against training that runs away, the mildest first."""
    offers: tuple[Offer, ...] = (halve_rate(spec), tenth_rate(spec), clip(spec), accumulate(spec))
    offers = (*offers, stabilise(spec))
    usual = _RANDOM_RATE if spec.model.is_random else _CHECKPOINT_RATE
    if spec.optimiser.lr > _FAR * usual:
        # Halving would take many runs to come near a rate that works.
        offers = (usual_rate(spec, usual), *offers)
    return usable(spec, offers)


def rates(spec: RunSpec, factor: float) -> tuple[str, ...]:
    """Assignments that multiply all learning rates by `factor`."""
    optimiser = spec.optimiser
    changed = [
        f"optimiser.lr={optimiser.lr * factor:.6g}",
        f"optimiser.lr_new={optimiser.lr_new * factor:.6g}",
    ]
    if optimiser.lr_groups:
        groups = {name: rate * factor for name, rate in optimiser.lr_groups.items()}
        changed.append(f"optimiser.lr_groups={json.dumps(groups)}")
    if any(variable.lr is not None for variable in spec.variables):
        variables = [
            {**variable.model_dump(mode="json"), "lr": variable.lr and variable.lr * factor}
            for variable in spec.variables
        ]
        changed.append(f"variables={json.dumps(variables)}")
    return tuple(changed)


def halve_rate(spec: RunSpec, start: Start = "rollback") -> Offer:
    """Half of every learning rate."""
    return _slower(spec, 0.5, "halve-rate", "and halve the rate", start=start)


def usual_rate(spec: RunSpec, usual: float) -> Offer:
    """The learning rate that such weights usually train at."""
    why = (
        ", usual for such weights; the other rates fall with it. `aurora-dash lr-test` finds one "
        "for this data"
    )
    factor = usual / spec.optimiser.lr
    return _slower(spec, factor, "usual-rate", f"with learning rate {usual:g}", why)


def tenth_rate(spec: RunSpec) -> Offer:
    """A tenth of every learning rate."""
    return _slower(spec, 0.1, "tenth-rate", "with a tenth of the rate")


def _slower(
    spec: RunSpec, factor: float, key: str, label: str, why: str = "", *, start: Start = "rollback"
) -> Remedy:
    rate = spec.optimiser.lr
    return Remedy(
        key=key,
        label=f"Roll back {label}",
        explanation=f"A new run from the last sound checkpoint with learning rate "
        f"{rate * factor:.3g} in place of {rate:.3g}{why}.",
        assignments=rates(spec, factor),
        start=start,
    )


def clip(spec: RunSpec) -> Offer:
    """Clipping, or tighter clipping."""
    field = _CLIPPING[spec.optimiser.clip_by]
    present: float | None = getattr(spec.optimiser, field)
    bound = 1.0 if present is None else present / 2
    how = "no clipping" if present is None else f"{present:g}"
    return Remedy(
        key="clip",
        label=f"Roll back and clip at {bound:g}",
        explanation=f"A new run from the last sound checkpoint that limits gradients "
        f"(optimiser.{field}) to {bound:g} in place of {how}.",
        assignments=(f"optimiser.{field}={bound:g}",),
    )


def accumulate(spec: RunSpec) -> Offer:
    """More batches a step, whose mean gradient is less noisy."""
    batches = 2 * spec.training.accumulate
    return Remedy(
        key="accumulate",
        label=f"Roll back, {batches} batches a step",
        explanation=f"A new run from the last sound checkpoint whose steps add up the gradients of "
        f"{batches} batches in place of {spec.training.accumulate}: less noise, longer steps.",
        assignments=(f"training.accumulate={batches}",),
    )


def stabilise(_spec: RunSpec) -> Offer:
    """Aurora's own remedy for gradients that explode in the aggregation of levels."""
    return Remedy(
        key="stabilise",
        label="Stabilise level aggregation",
        explanation="A new run from the last sound weights with layer norms inside the level "
        "aggregation (model.stabilise_level_agg), which Aurora's authors advise against exploding "
        "gradients; the optimiser begins anew.",
        assignments=("model.stabilise_level_agg=true",),
    )


def double_rate(spec: RunSpec) -> Offer:
    """Twice every learning rate."""
    return Remedy(
        key="double-rate",
        label="Double the rate",
        explanation=f"The same run goes on with learning rate {spec.optimiser.lr * 2:.3g} in place "
        f"of {spec.optimiser.lr:.3g}.",
        assignments=rates(spec, 2.0),
        start="here",
    )


def best_and_halve(spec: RunSpec) -> Offer:
    """Back to the lowest validation loss, more carefully."""
    return Remedy(
        key="best-halve-rate",
        label="Back to the best, half the rate",
        explanation=f"A new run from the checkpoint of the lowest validation loss with learning "
        f"rate {spec.optimiser.lr / 2:.3g}.",
        assignments=rates(spec, 0.5),
        start="best",
    )


def decay_weights(spec: RunSpec) -> Offer:
    """More weight decay."""
    decay = max(10 * spec.optimiser.weight_decay, 1e-2)
    return Remedy(
        key="decay",
        label=f"Back to the best, weight decay {decay:g}",
        explanation=f"A new run from the best checkpoint with weight decay {decay:g} in place of "
        f"{spec.optimiser.weight_decay:g}.",
        assignments=(f"optimiser.weight_decay={decay:g}",),
        start="best",
    )


def raise_new_rate(spec: RunSpec) -> Offer:
    """A higher rate for the new embeddings and heads, never below the paper's."""
    groups = spec.optimiser.lr_groups
    present = groups.get("new_embeddings", spec.optimiser.lr_new)
    rate = max(10 * present, 1e-3)
    assignment = f"optimiser.lr_new={rate:g}"
    if "new_embeddings" in groups:
        assignment = f"optimiser.lr_groups={json.dumps({**groups, 'new_embeddings': rate})}"
    return Remedy(
        key="raise-new-rate",
        label=f"Rate {rate:g} for new variables",
        explanation=f"The same run goes on with learning rate {rate:g} for new embeddings and "
        f"heads in place of {present:g}.",
        assignments=(assignment,),
        start="here",
    )


def weigh(spec: RunSpec, name: str) -> Offer:
    """A variable that does not count in the loss, or counts little, counts more."""
    present = spec.loss.weights.get(name, 1.0)
    weight = 1.0 if present < 1 else 3 * present
    targets = spec.loss.targets
    changed = [f"loss.weights={json.dumps({**spec.loss.weights, name: weight})}"]
    if targets and name not in targets:
        changed.append(f"loss.targets={json.dumps([*targets, name])}")
    return Remedy(
        key="weigh",
        label=f"Weigh {name} with {weight:g}",
        explanation=f"The same run goes on with weight {weight:g} for {name} in the loss in place "
        f"of {present:g}; the loss then counts otherwise than before.",
        assignments=tuple(changed),
        start="here",
    )


def train_all(_spec: RunSpec) -> Offer:
    """Nothing frozen any more."""
    return Remedy(
        key="train-all",
        label="Train all parts",
        explanation="A new run from the last sound weights in which no part is frozen.",
        assignments=("trainable.parts=all", "trainable.groups=[]"),
    )


def fewer_threads(spec: RunSpec) -> Offer:
    """Half as many CPU threads: too many on shared cores wait for each other."""
    threads = spec.training.threads
    if threads is None or threads < 2:
        return None
    return Remedy(
        key="fewer-threads",
        label=f"Use {threads // 2} CPU threads",
        explanation=f"The same run goes on with {threads // 2} threads in place of {threads}; "
        "threads that share cores with others wait for each other.",
        assignments=(f"training.threads={threads // 2}",),
        start="here",
    )


def read_ahead(spec: RunSpec) -> Offer:
    """More batches ahead, by more workers."""
    ahead = min(64, max(4, 2 * spec.loader.prefetch))
    workers = min(64, max(4, 2 * spec.loader.workers))
    return Remedy(
        key="read-ahead",
        label=f"Read {ahead} batches ahead with {workers} workers",
        explanation=f"The same run goes on; {ahead} batches in place of {spec.loader.prefetch} "
        "wait in memory, and a training store's fields are read by several threads.",
        assignments=(f"loader.prefetch={ahead}", f"loader.workers={workers}"),
        start="here",
    )


def read_in_blocks(_spec: RunSpec) -> Offer:
    """Neighbouring samples after each other, which share times."""
    return Remedy(
        key="read-in-blocks",
        label="Read neighbours together",
        explanation="The same run goes on, shuffled in blocks of neighbouring samples, so that "
        "each time is read about once in place of once for every sample that has it.",
        assignments=("loader.shuffle=blocks",),
        start="here",
    )


def keep_fewer(spec: RunSpec) -> Offer:
    """One checkpoint besides the best."""
    return Remedy(
        key="keep-one",
        label="Keep one checkpoint",
        explanation="The same run goes on and keeps only its newest checkpoint besides the best, "
        f"in place of {spec.training.keep_checkpoints}; older ones are deleted.",
        assignments=("training.keep_checkpoints=1",),
        start="here",
    )
