"""The Train page's first part: what is to be learnt, and how much each variable counts."""

from __future__ import annotations

import streamlit as st

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, fields, state
from aurora_dash.ui.forms import objective
from aurora_dash.variables import Group, describe

_COLUMNS = 4


def targets(spec: RunSpec) -> None:
    """Which predicted variables count in the loss."""
    fields.several(
        spec,
        "loss.targets",
        "Targets",
        "The predicted variables that count in the loss. All of them keeps the model balanced; "
        "a few let it specialise.",
        spec.predicted_names,
        placeholder="All predicted variables",
        show=lambda name: variable_label(spec, name),
    )


def variable_label(spec: RunSpec, name: str) -> str:
    """A predicted variable with its long name and unit."""
    group = predicted_group(spec, name)
    own = {(v.name, v.group): v.long_name or v.name for v in spec.variables}
    long_name = own.get((name, group)) or describe(name, group).long_name
    return f"{name} · {long_name} [{pretty_unit(spec.unit(name, group))}]"


def predicted_group(spec: RunSpec, name: str) -> Group:
    """Group of a predicted variable, whose name is unique among them."""
    return Group.ATMOSPHERIC if name in spec.names(Group.ATMOSPHERIC) else Group.SURFACE


def loss(spec: RunSpec) -> None:
    """What an error costs and where, and weights of variables and groups."""
    st.caption(
        "The loss is a weighted mean of the errors of normalised values, as in the Aurora paper. A "
        "weight of 0 leaves a variable out; 1 is neutral."
    )
    objective.choose(spec)
    for start in range(0, len(spec.targets), _COLUMNS):
        row = st.columns(_COLUMNS)
        for column, name in zip(row, spec.targets[start : start + _COLUMNS], strict=False):
            with column:
                _weight(spec, name)
    with st.container(horizontal=True):
        st.button(
            "Weights of the paper",
            icon=":material/article:",
            help="The weights with which Aurora itself was fine-tuned: 2t 3.5, msl 1.6, z 3.5 ...",
            on_click=_set_weights,
            args=(edits.PAPER_WEIGHTS,),
        )
        st.button(
            "All equal",
            icon=":material/equal:",
            help="Every variable with weight 1.",
            on_click=_set_weights,
            args=({},),
            disabled=not spec.loss.weights,
        )
        objective.suggest(spec)
    left, middle, right = st.columns(3)
    with left:
        fields.decimal(
            spec,
            "loss.surface_weight",
            "Surface variables together",
            "Factor of all surface variables; the paper takes 0.25.",
            minimum=0.0,
            step=0.05,
        )
    with middle:
        fields.decimal(
            spec,
            "loss.atmospheric_weight",
            "Atmospheric variables together",
            "Factor of all atmospheric variables; the paper takes 1.",
            minimum=0.0,
        )
    with right:
        fields.decimal(
            spec,
            "loss.gamma",
            "Data set factor",
            "Factor of the data set in the paper: 2 for ERA5, 1.5 for GFS, else 1. It scales the "
            "loss as a whole.",
            minimum=0.01,
        )


def _weight(spec: RunSpec, name: str) -> None:
    key = f"{state.FIELD_PREFIX}weight:{name}"
    group = predicted_group(spec, name)
    st.number_input(
        name,
        value=float(spec.loss.weights.get(name, 1.0)),
        min_value=0.0,
        step=0.1,
        help=f"Weight of {describe(name, group).long_name.lower()} in the loss.",
        key=key,
        on_change=_change_weight,
        args=(name, key),
    )


@boundary.guarded
def _change_weight(name: str, key: str) -> None:
    weights = editor.current().spec.loss.weights
    editor.assign("loss.weights", {**weights, name: st.session_state[key]})


@boundary.guarded
def _set_weights(weights: dict[str, float]) -> None:
    editor.put(edits.set_weights(editor.current().spec, weights))
