"""The Train page's part on the optimiser beyond its rate: groups, decay, clipping, average."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import fields
from aurora_dash.ui.forms import mappings

KINDS = {
    "adamw": "AdamW",
    "adafactor": "Adafactor: less memory",
    "adamw8bit": "AdamW with moments of 8 bits",
}
CLIPPING = {
    "norm": "The gradient's norm",
    "value": "Every single value",
    "adaptive": "Each row against its weights",
}


def choose(spec: RunSpec) -> None:
    """Everything that most runs leave as it is."""
    _kind_and_decay(spec)
    _clipping(spec)
    _groups(spec)
    if spec.optimiser.schedule == "step":
        _steps(spec)
    _memory(spec)


def _kind_and_decay(spec: RunSpec) -> None:
    first, second, third = st.columns(3, vertical_alignment="bottom")
    with first:
        fields.choice(
            spec,
            "optimiser.kind",
            "Optimiser",
            "AdamW is what Aurora was trained with; the others take less memory.",
            list(KINDS),
            show=KINDS.__getitem__,
        )
    with second:
        fields.scientific(
            spec,
            "optimiser.weight_decay",
            "Weight decay",
            "Pulls weights towards zero; the paper takes 5e-6, or 0 when fine-tuning at 0.1°.",
        )
    with third:
        fields.switch(
            spec,
            "optimiser.decay_biases_and_norms",
            "Decay biases and norms too",
            "Off: weight decay leaves alone what has fewer than two dimensions.",
        )


def _clipping(spec: RunSpec) -> None:
    first, second, third = st.columns(3, vertical_alignment="bottom")
    with first:
        fields.choice(
            spec,
            "optimiser.clip_by",
            "Clip",
            "What is limited when a gradient is too large.",
            list(CLIPPING),
            show=CLIPPING.__getitem__,
        )
        if spec.optimiser.clip_by == "value":
            fields.scientific(spec, "optimiser.clip_value", "Largest value", "Of any gradient.")
        elif spec.optimiser.clip_by == "adaptive":
            fields.scientific(
                spec,
                "optimiser.clip_factor",
                "Largest ratio",
                "Of the gradient of a row of weights to the row itself; 0.01 is usual.",
            )
    with second:
        fields.scientific(
            spec,
            "optimiser.ema_decay",
            "Average the weights",
            "An exponential moving average with this decay, such as 0.999, which remembers about "
            "the last 1000 steps. Saved in checkpoints. Empty: none.",
            placeholder="No average",
        )
    with third:
        fields.switch(
            spec,
            "optimiser.validate_ema",
            "Validate the average",
            "The best checkpoint is then the one with the best average.",
        )


def _groups(spec: RunSpec) -> None:
    first, second = st.columns(2)
    with first:
        mappings.numbers(
            spec,
            "optimiser.lr_groups",
            "Learning rates by group",
            "For encoder, backbone, decoder, lora or new_embeddings, in place of the rates above.",
            placeholder="decoder=1e-5, lora=5e-5",
        )
    with second:
        mappings.numbers(
            spec,
            "optimiser.decay_groups",
            "Weight decay by group",
            "In place of the weight decay above.",
            placeholder="encoder=0",
        )


def _steps(spec: RunSpec) -> None:
    first, second = st.columns(2)
    with first:
        fields.integer(
            spec,
            "optimiser.step_every",
            "The rate falls every (steps)",
            "For the schedule in steps.",
            minimum=1,
        )
    with second:
        fields.decimal(
            spec,
            "optimiser.step_factor",
            "Falls to this part of itself",
            "0.5 halves the rate each time.",
            minimum=0.01,
            maximum=0.99,
        )


def _memory(spec: RunSpec) -> None:
    first, second = st.columns(2)
    with first:
        fields.switch(
            spec,
            "optimiser.offload",
            "Take the step in the host's memory",
            "Moments and the weights they belong to leave the GPU: 8 bytes a parameter less there, "
            "12 with weights in bfloat16. Slower: gradients and weights pass over at every step.",
        )
    possible = not spec.optimiser.clips_by_norm and spec.training.accumulate == 1
    if possible or spec.optimiser.in_backward:
        with second:
            fields.switch(
                spec,
                "optimiser.in_backward",
                "Take the step within the backward pass",
                "Gradients are used one by one and never in memory together: 4 bytes a parameter "
                "less, 2 in bfloat16. A gradient that is not finite then counts as zero, and the "
                "run ends with the other weights changed.",
            )
