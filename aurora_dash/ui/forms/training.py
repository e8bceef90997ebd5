"""The Train page's second part: how long, how fast, and how often to look."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec, best_metric
from aurora_dash.ui import boundary, editor, fields, state

_LENGTH = f"{state.FIELD_PREFIX}length"
SCHEDULES = {
    "cosine": "Cosine: falls slowly, then fast, then slowly",
    "linear": "Linear: falls evenly",
    "constant": "Constant: stays at the peak",
    "step": "Steps: falls now and then",
}


def length(spec: RunSpec) -> None:
    """Steps or epochs, batch size, accumulation and seed."""
    kind, count, batch, several, seed = st.columns([1.4, 1, 1, 1, 1])
    with kind:
        unit = st.segmented_control(
            "Length in",
            ["steps", "epochs"],
            default="steps" if spec.training.steps else "epochs",
            required=True,
            help="A step is one update of the weights; an epoch is one pass over the samples.",
            key=_LENGTH,
            on_change=_change_unit,
            width="stretch",
        )
    with count:
        if unit == "epochs":
            fields.integer(
                spec, "training.epochs", "Epochs", "Passes over all training samples.", minimum=1
            )
        else:
            fields.integer(
                spec,
                "training.steps",
                "Steps",
                "Updates of the weights. 200 show whether it learns; the paper takes 8,000 to "
                "22,000.",
                minimum=1,
                step=50,
            )
    with batch:
        fields.integer(
            spec,
            "training.batch_size",
            "Batch size",
            "Samples a step. 1 needs the least memory; more smooth the gradients.",
            minimum=1,
        )
    with several:
        fields.integer(
            spec,
            "training.accumulate",
            "Batches a step",
            "Their gradients are added up before the weights change: what several GPUs do "
            "together, on one, with the memory of one batch. The paper takes 8 to 32.",
            minimum=1,
        )
    with seed:
        fields.integer(
            spec,
            "training.seed",
            "Seed",
            "Start of the random numbers: the same seed gives the same run.",
            minimum=0,
        )
    size, num_batches = spec.training.batch_size, spec.training.accumulate
    if num_batches > 1:
        st.caption(
            f"Each step learns from {size * num_batches} samples: {num_batches} batches of {size}."
        )


@boundary.guarded
def _change_unit() -> None:
    spec = editor.current().spec
    epochs = st.session_state[_LENGTH] == "epochs"
    lengths = {"steps": None, "epochs": 10} if epochs else {"steps": 200, "epochs": None}
    editor.store(spec.replace(training=spec.training.replace(**lengths)))


def learning_rates(spec: RunSpec) -> None:
    """Learning rates, their schedule, and clipping."""
    first, second, third = st.columns(3)
    with first:
        fields.scientific(
            spec,
            "optimiser.lr",
            "Learning rate",
            "Peak rate of the weights that came with the checkpoint: 5e-5 to 3e-4 for a "
            "pretrained model, 1e-3 for random weights.",
        )
    with second:
        fields.scientific(
            spec,
            "optimiser.lr_new",
            "Learning rate of new variables",
            "Peak rate of new patch embeddings and heads: they start from nothing and learn "
            "slowly at 1e-4, quickly at 1e-3.",
        )
    with third:
        fields.scientific(
            spec,
            "optimiser.clip_norm",
            "Clip gradients at",
            "Largest gradient norm of a step; larger ones are scaled down to it. Guards against a "
            "single bad step. Empty: no clipping. Other ways to clip are under Optimiser.",
            placeholder="No clipping",
        )
    first, second, third = st.columns(3)
    with first:
        fields.choice(
            spec,
            "optimiser.schedule",
            "Schedule",
            "How the rate goes on after the warm-up.",
            list(SCHEDULES),
            show=SCHEDULES.__getitem__,
        )
    with second:
        fields.integer(
            spec,
            "optimiser.warmup_steps",
            "Warm-up steps",
            "The rate rises from near zero over these steps, so that the first gradients do "
            "no harm.",
        )
    with third:
        fields.decimal(
            spec,
            "optimiser.final_lr_fraction",
            "Ends at this part of the peak",
            "Where a falling schedule ends: 0.1 is a tenth of the peak.",
            minimum=0.0,
            maximum=1.0,
            step=0.05,
        )


def housekeeping(spec: RunSpec, devices: list[str]) -> None:
    """Device, validation, checkpoints, early stopping."""
    first, second, third = st.columns(3)
    with first:
        _device(spec, devices)
    with second:
        _validation(spec)
    with third:
        _keeping(spec)


def _device(spec: RunSpec, devices: list[str]) -> None:
    fields.choice(
        spec,
        "training.device",
        "Device",
        "Where to compute. Automatic takes a GPU where there is one.",
        devices,
        show=lambda name: {"auto": "Automatic", "cpu": "CPU"}.get(name, name),
    )
    fields.integer(
        spec,
        "training.threads",
        "CPU threads",
        "Empty: one fewer than the cores, which leaves the dashboard responsive.",
        minimum=1,
        placeholder="Automatic",
    )


def _validation(spec: RunSpec) -> None:
    fields.integer(
        spec,
        "training.validate_every",
        "Validate every (steps)",
        "How often the loss on the validation period is measured.",
        minimum=1,
    )
    fields.integer(
        spec,
        "training.validation_samples",
        "Validate with (samples)",
        "At most so many, spread over the validation period. Empty: all.",
        minimum=1,
        placeholder="All",
    )
    fields.choice(
        spec,
        "training.best_metric",
        "The best is lowest in",
        "Which value of the validation says which checkpoint is the best, and when to stop.",
        [*dict.fromkeys([*best_metric.choices(spec), spec.training.best_metric])],
    )
    fields.integer(
        spec,
        "training.patience",
        "Stop after (validations)",
        "End the run after so many validations without improvement. Empty: train to the end.",
        minimum=1,
        placeholder="Never",
    )
    if spec.training.patience is not None:
        fields.scientific(
            spec,
            "training.min_delta",
            "Improvement that counts",
            "By how much that value must fall.",
        )


def _keeping(spec: RunSpec) -> None:
    fields.integer(
        spec,
        "training.checkpoint_every",
        "Save every (steps)",
        "How often a checkpoint is written; also at the end and when stopped.",
        minimum=1,
    )
    fields.integer(
        spec,
        "training.keep_checkpoints",
        "Checkpoints to keep",
        "The newest ones; the best is kept besides. A full-size one takes 15 GB.",
        minimum=1,
    )
    fields.integer(
        spec,
        "training.keep_every",
        "Keep for good every (steps)",
        "Checkpoints at multiples of so many steps are never deleted. Empty: none.",
        minimum=1,
        placeholder="None",
    )
    fields.integer(
        spec,
        "training.statistics_every",
        "Look at the weights every (steps)",
        "Norms of weights and the size of updates, for the Monitor's charts. Empty: never.",
        minimum=1,
        placeholder="Never",
    )
