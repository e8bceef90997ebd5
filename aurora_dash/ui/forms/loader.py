"""The Train page's form of the loader: in which order samples come, and how they are read."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import fields

SHUFFLES = {
    "full": "Every sample by itself",
    "blocks": "Runs of neighbours: each time is read once",
}


def reading(spec: RunSpec) -> None:
    """Order, reading ahead, threads and memory."""
    first, second, third = st.columns(3)
    with first:
        fields.choice(
            spec,
            "loader.shuffle",
            "Order of the samples",
            "Neighbouring samples share times. Runs of them are read two to three times faster; "
            "every sample by itself mixes best.",
            list(SHUFFLES),
            show=SHUFFLES.__getitem__,
        )
        if spec.loader.shuffle == "blocks":
            fields.integer(
                spec,
                "loader.block",
                "Samples in a run",
                "More read less twice; fewer mix better.",
                minimum=1,
            )
    with second:
        fields.integer(
            spec,
            "loader.prefetch",
            "Batches read ahead",
            "While the model works on one. Each takes the memory of a batch.",
            minimum=1,
            maximum=64,
        )
        fields.integer(
            spec,
            "loader.workers",
            "Threads that read",
            "For training stores; other formats are read by one.",
            minimum=1,
            maximum=64,
        )
    with third:
        fields.integer(
            spec,
            "loader.cache_megabytes",
            "Memory for kept times (MiB)",
            "Times that were read stay in memory for other samples as far as this goes.",
            minimum=0,
            step=256,
        )
        fields.switch(
            spec,
            "loader.pin_memory",
            "Page-locked memory",
            "Copies to a CUDA device are faster from it; without one it changes nothing.",
        )
        fields.switch(
            spec,
            "loader.normalise_on_cpu",
            "Normalise on the CPU",
            "The GPU then never holds a batch twice: half a GiB less for a sample at 0.25°, 3.4 "
            "GiB at 0.1°. Slower.",
        )
