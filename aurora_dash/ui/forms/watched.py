"""The Train page's form of the sample that is watched: which forecast the live maps show."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import fields


def choose(spec: RunSpec) -> None:
    """Whether one validation sample is watched, which, what of it, and how much is kept."""
    fields.switch(
        spec,
        "training.watched.enabled",
        "Watch one validation sample on live maps",
        "Its forecast is written at every validation, which computes it in any case: the Monitor "
        "page then shows prediction, target and error as training goes.",
    )
    if not spec.training.watched.enabled:
        return
    first, second, third = st.columns(3)
    with first:
        _which(spec)
    with second:
        _what(spec)
    with third:
        _how_much(spec)


def _which(spec: RunSpec) -> None:
    if spec.data.mix:
        fields.choice(
            spec,
            "training.watched.part",
            "Watched part",
            "The part of the data that the sample is from.",
            ["", *(part.name for part in spec.data.parts)],
            show=lambda name: name or "The first that validates",
        )
    fields.integer(
        spec,
        "training.watched.sample",
        "Watched sample",
        "Which of the samples that are validated, counted from 0.",
        minimum=0,
    )
    if spec.rollout.num_validated > 1:
        fields.integer(
            spec,
            "training.watched.forecast_step",
            "Watched step of the forecast",
            "Empty: the last that is validated.",
            minimum=1,
            maximum=spec.rollout.num_validated,
            placeholder="The last",
        )


def _what(spec: RunSpec) -> None:
    fields.text(
        spec,
        "training.watched.variables",
        "Watched variables",
        "Names with commas between, such as 2t, t/850 (one level), q (all levels). Empty: the new "
        "variables and the first that count in the loss, eight at most.",
        placeholder="New ones, then those of the loss",
        convert=fields.names_in,
        show=", ".join,
    )
    fields.integer(
        spec,
        "training.watched.width",
        "Most points along a latitude",
        "Of larger grids every n-th row and column is kept. Empty: all points.",
        minimum=1,
        placeholder="All",
    )


def _how_much(spec: RunSpec) -> None:
    fields.integer(
        spec,
        "training.watched.every",
        "Keep every (validations)",
        "The last one is always kept.",
        minimum=1,
    )
    fields.integer(
        spec,
        "training.watched.keep",
        "Forecasts to keep",
        "The newest ones; the first of each doubling of the steps is kept besides.",
        minimum=1,
    )
