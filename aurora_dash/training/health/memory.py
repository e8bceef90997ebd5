"""What saves memory, as remedies, in the order of what it saves.

The figures are estimates (docs/memory.md) for AuroraPretrained at 0.25 degree, 13 levels and batch
1, in GiB of tensors: full precision 312.7, with the backbone in bfloat16 222.7, with activation
checkpointing too 63.9, LoRA alone 41.0; with encoder and decoder in 8 chunks too 30.1, LoRA alone
15.3. Of an earlier trial: encoder and decoder in bfloat16 50.0, batch 2 113.9, two steps 69.9.
"""

from __future__ import annotations

from aurora_dash.runs.alerts import Remedy
from aurora_dash.spec import RunSpec
from aurora_dash.training.health.remedies import Offer, usable


def memory_remedies(spec: RunSpec) -> tuple[Remedy, ...]:
    """Remedies against lack of memory that this spec does not have yet, the strongest first."""
    return usable(
        spec,
        (
            _checkpointing(spec),
            _chunks(spec),
            _autocast(spec),
            _smaller_batch(spec),
            _lora_only(spec),
            _autocast_everywhere(spec),
            _offload(spec),
            _offload_activations(spec),
            _pushforward(spec),
            _adafactor(spec),
            _half_weights(spec),
            _in_backward(spec),
        ),
    )


KEEP_THE_TRAINING = (
    *("chunks", "autocast", "autocast-all", "half-weights", "checkpoint-activations"),
    *("halve-batch", "offload-activations", "offload"),
)
"""Remedies after which a training does what it did before, but for rounding; those that cost least
time first: half precision makes steps quicker, `chunks` recomputes less than the default does,
checkpointing takes a third more operations, smaller batches use a GPU less well, what
`offload-activations` moves passes beside the GPU's work, and `offload` waits for the host."""


def _checkpointing(spec: RunSpec) -> Offer:
    if spec.model.activation_checkpointing:
        return None
    # With chunks the backbone need not be recomputed as a whole: 13 % fewer operations.
    layers = () if spec.model.chunks == "off" else ("model.checkpointed_layers=stages+blocks",)
    return Remedy(
        key="checkpoint-activations",
        label="Checkpoint activations",
        explanation="Recomputes activations in the backward pass: 223 GiB become 64 for the full "
        "model at 0.25 degree; the same gradients, longer steps.",
        assignments=("model.activation_checkpointing=true", *layers),
        start="here",
    )


def _chunks(spec: RunSpec) -> Offer:
    if spec.model.chunks != "off":
        return None
    layers: tuple[str, ...] = ()
    if spec.model.activation_checkpointing and spec.model.checkpointed_layers == "default":
        layers = ("model.checkpointed_layers=stages+blocks",)
    return Remedy(
        key="chunks",
        label="Encoder and decoder in chunks",
        explanation="Runs them on bands of patch rows, as many as the memory asks for: with "
        "checkpointing 64 GiB become 30 for the full model at 0.25 degree, and 41 become 15 with "
        "LoRA alone; the same gradients to rounding, at hardly any cost.",
        assignments=("model.chunks=auto", *layers),
        start="here",
    )


def _half_weights(spec: RunSpec) -> Offer:
    if spec.training.device == "cpu" or not spec.model.autocast:
        return None
    return Remedy(
        key="half-weights",
        label="Weights in bfloat16, float32 masters",
        explanation="Holds what computes in bfloat16 in it, gradients too; the optimiser changes "
        "float32 copies. Saves most where weights are frozen.",
        assignments=("model.weights_dtype=bfloat16",),
        start="here",
    )


def _offload(spec: RunSpec) -> Offer:
    if spec.training.device == "cpu":
        return None
    return Remedy(
        key="offload",
        label="Optimiser on the host",
        explanation="Keeps moments in the host's memory and takes the step there: 9.4 GiB less for "
        "the full model, and a second or two more a step.",
        assignments=("optimiser.offload=true",),
        start="here",
    )


def _offload_activations(spec: RunSpec) -> Offer:
    model = spec.model
    if spec.training.device == "cpu" or model.chunks == "off" or not model.activation_checkpointing:
        return None
    return Remedy(
        key="offload-activations",
        label="Activations on the host",
        explanation="Recomputes the Swin blocks alone, whose inputs wait in the host's memory, "
        "13 GiB for the full model at 0.25 degree: 30 GiB become 28 there, with a sixth fewer "
        "operations.",
        assignments=("model.offload_activations=true", "model.checkpointed_layers=blocks"),
        start="here",
    )


def _adafactor(spec: RunSpec) -> Offer:
    if spec.optimiser.kind != "adamw":
        return None
    return Remedy(
        key="adafactor",
        label="Adafactor",
        explanation="A new run from the last sound weights with an optimiser that keeps a row and "
        "a column in place of two numbers a weight: 9.4 GiB less for the full model.",
        assignments=("optimiser.kind=adafactor",),
    )


def _in_backward(spec: RunSpec) -> Offer:
    if spec.training.accumulate > 1:
        return None
    unclipped = ("optimiser.clip_norm=null",) if spec.optimiser.clips_by_norm else ()
    return Remedy(
        key="in-backward",
        label="Optimiser in the backward pass",
        explanation="Uses each gradient as it comes, so that they are never in memory together: "
        "3 GiB less for the full model; without clipping by norm, which needs all of them.",
        assignments=(*unclipped, "optimiser.in_backward=true"),
        start="here",
    )


def _autocast(spec: RunSpec) -> Offer:
    if spec.training.device == "cpu":
        return None
    return Remedy(
        key="autocast",
        label="Backbone in bfloat16",
        explanation="Halves the backbone's activations: 313 GiB become 223 without checkpointing; "
        "rounding changes the loss a little.",
        assignments=("model.autocast=true",),
        start="here",
    )


def _smaller_batch(spec: RunSpec) -> Offer:
    size = spec.training.batch_size
    if size < 2:
        return None
    return Remedy(
        key="halve-batch",
        label=f"Batch size {size // 2}",
        explanation="Every sample of a batch takes about 50 GiB of the full model at 0.25 degree; "
        f"the run goes on with {size // 2} in place of {size}, and twice as many batches a step.",
        assignments=(
            f"training.batch_size={size // 2}",
            f"training.accumulate={2 * spec.training.accumulate}",
        ),
        start="here",
    )


def _lora_only(spec: RunSpec) -> Offer:
    if spec.trainable.parts != "all" or spec.variables:
        return None
    return Remedy(
        key="lora",
        label="Train LoRA alone",
        explanation="A new run from the last sound weights, which freezes them and trains low-rank "
        "ones beside them: 64 GiB become 41 at 0.25 degree, since gradients and optimiser states "
        "of the rest fall away.",
        assignments=("trainable.parts=lora",),
    )


def _autocast_everywhere(spec: RunSpec) -> Offer:
    if spec.training.device == "cpu":
        return None
    return Remedy(
        key="autocast-all",
        label="Encoder and decoder in bfloat16 too",
        explanation="64 GiB become 50 at 0.25 degree with checkpointing.",
        assignments=(
            "model.autocast=true",
            "model.autocast_encoder=true",
            "model.autocast_decoder=true",
        ),
        start="here",
    )


def _pushforward(spec: RunSpec) -> Offer:
    if spec.rollout.kind != "backprop":
        return None
    return Remedy(
        key="pushforward",
        label="Gradients through the last step alone",
        explanation="Every further step that gradients go through takes about 6 GiB at 0.25 "
        "degree; the pushforward trick needs those of the last step alone.",
        assignments=("rollout.kind=pushforward",),
        start="here",
    )
