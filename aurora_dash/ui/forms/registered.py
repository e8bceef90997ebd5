"""The Variables page: the new variables of the run, and those that the model has already."""

from __future__ import annotations

import json

import streamlit as st

from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.ui import boundary, editor, edits, words
from aurora_dash.variables import Group


def registered(spec: RunSpec) -> None:
    """The new variables of the spec, and how they stand in it."""
    if not spec.variables:
        st.caption("No new variable is registered. The model's own need nothing here.")
        return
    for variable in spec.variables:
        _row(variable)
    with st.expander("In the run's specification", icon=":material/data_object:"):
        dumped = [v.model_dump(mode="json") for v in spec.variables]
        st.code(json.dumps({"variables": dumped}, indent=2), language="json")


def _row(variable: VariableSpec) -> None:
    with st.container(border=True):
        name, kind, statistics, remove = st.columns([3, 2, 4, 1], vertical_alignment="center")
        name.markdown(f"**{variable.name}**  \n:small[{boundary.plain(variable.long_name)}]")
        kind.markdown(f"{variable.group}  \n:small[{boundary.plain(variable.unit)}]")
        kept = boundary.plain(options_text(variable))
        statistics.markdown(f":small[{statistics_text(variable)}]  \n:small[{kept}]")
        remove.button(
            "",
            icon=":material/delete:",
            help=f"Remove {variable.name}",
            key=f"remove-{variable.group}-{variable.name}",
            on_click=_remove,
            args=(variable,),
        )


def statistics_text(variable: VariableSpec) -> str:
    """Mean and standard deviation of a new variable in words."""
    mean, std = variable.mean, variable.std
    if mean is None or std is None:
        return "mean and standard deviation are computed at launch"
    if isinstance(mean, dict) and isinstance(std, dict):
        parts = (
            f"{level} hPa: {words.number(mean[level])} ± {words.number(std.get(level))}"
            for level in mean
        )
        return ", ".join(parts)
    assert isinstance(mean, float) and isinstance(std, float)
    return f"mean {words.number(mean)}, standard deviation {words.number(std)}"


def options_text(variable: VariableSpec) -> str:
    """What else was chosen for a new variable, in words; empty if all is as usual."""
    parts = []
    if variable.role != "both":
        parts.append(f"{variable.role} only")
    if variable.transform == "log":
        parts.append(f"log(1 + x / {variable.transform_offset:g})")
    elif variable.transform == "sqrt":
        parts.append("square root")
    if variable.initialise == "copy":
        parts.append(f"begins as a copy of {variable.copy_from}")
    elif variable.initialise == "zero":
        parts.append("begins with zero weights")
    if variable.lr is not None:
        parts.append(f"learning rate {variable.lr:g}")
    return ", ".join(parts)


@boundary.guarded
def _remove(variable: VariableSpec) -> None:
    editor.put(edits.remove_variable(editor.current().spec, variable.name, variable.group))


def known(spec: RunSpec) -> None:
    """The variables that the model has already."""
    with st.expander("Variables that the model knows already", icon=":material/checklist:"):
        for group in Group:
            variables = spec.model.catalogue_entry.variables(group)
            st.markdown(f"**{group.capitalize()}** ({len(variables)})")
            st.caption(", ".join(f"{v.name} ({v.long_name}, {v.unit})" for v in variables))
