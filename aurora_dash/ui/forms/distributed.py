"""The Train page's form of several processes: how many, and what each of them holds."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import fields

STRATEGIES = {
    "ddp": (
        "Every process holds the whole model",
        "DDP: gradients are averaged. The fastest where the model fits one GPU.",
    ),
    "fsdp": (
        "The model is split among them",
        "FSDP: each holds a part of weights, gradients and optimiser states. Less memory, more "
        "communication.",
    ),
}


def summary(spec: RunSpec) -> str:
    """Processes and strategy in a few words."""
    world = spec.distributed.world_size
    return f"{world} processes, {spec.distributed.strategy.upper()}" if world > 1 else "one process"


def processes(spec: RunSpec) -> None:
    """Number of processes, and the strategy where there are several."""
    first, second = st.columns(2)
    with first:
        fields.integer(
            spec,
            "distributed.processes",
            "Processes a machine",
            "One for each GPU that is to work on this run.",
            minimum=1,
        )
    with second:
        fields.integer(
            spec,
            "distributed.nodes",
            "Machines",
            "Each with so many processes; they need a file system in common.",
            minimum=1,
        )
    if spec.distributed.world_size == 1:
        st.caption(
            "Several processes share the batches of a step: what is learnt stays the same, it "
            "takes less time."
        )
        return
    st.caption(_share(spec))
    fields.choice(
        spec,
        "distributed.strategy",
        "What each holds",
        "Changes memory and speed, not what is learnt.",
        list(STRATEGIES),
        show=lambda name: STRATEGIES[name][0],
    )
    st.caption(STRATEGIES[spec.distributed.strategy][1])
    if spec.distributed.strategy == "fsdp":
        fields.switch(
            spec,
            "distributed.reshard_after_forward",
            "Gather weights again for the backward pass",
            "Off: faster, but all weights stay in the memory of every GPU meanwhile.",
        )


def _share(spec: RunSpec) -> str:
    world, training = spec.distributed.world_size, spec.training
    if spec.distributed.shares_batches(training):
        share = f"{training.accumulate // world} of its {training.accumulate} batches"
    else:
        share = f"{training.batch_size // world} of the {training.batch_size} samples of a batch"
    return (
        f"Of each step every process takes {share}: batch size and batches a step are those of "
        "the whole run, so results do not depend on the number of processes."
    )
