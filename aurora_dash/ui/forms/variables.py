"""The Variables page: register a new variable with unit, statistics and what becomes of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from aurora_dash.errors import AuroraDashError, SpecError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.ui import boundary, candidates, editor, edits, fields, state
from aurora_dash.ui.candidates import Candidate
from aurora_dash.ui.forms import variable_options
from aurora_dash.ui.forms.variable_options import field_key as _key
from aurora_dash.ui.forms.variable_options import number
from aurora_dash.variables import Group

_OTHER = "another name"
_GROUP_HELP = {
    Group.SURFACE: "Surface: one field a time; given and predicted.",
    Group.STATIC: "Static: one field for all times; given only.",
    Group.ATMOSPHERIC: "Atmospheric: a field a pressure level; given and predicted.",
}


def register(spec: RunSpec, found: list[Candidate]) -> None:
    """The form of a new variable, begun from one that the data holds or from nothing."""
    labels = [candidate.label for candidate in found]
    chosen = st.selectbox(
        "Variable",
        [*labels, _OTHER],
        index=None,
        placeholder="Choose a variable of the data that the model does not know",
        help="Variables of the chosen data that this model has not. Another name: one that you "
        "describe yourself.",
        key=_key("choice"),
        on_change=_begin,
        args=(found,),
    )
    if chosen is None:
        return
    with st.container(border=True):
        _identity()
        group: Group = st.session_state[_key("group")]
        levels = candidates.levels(spec) if group is Group.ATMOSPHERIC else ()
        variable_options.show(spec, group)
        _statistics(levels)
        with st.container(horizontal=True):
            st.button(
                "Compute from the data",
                icon=":material/calculate:",
                help="Mean and standard deviation over the training period of the chosen data.",
                key="compute",
                on_click=_compute,
            )
            st.button(
                "Register",
                icon=":material/add:",
                type="primary",
                key="register",
                on_click=_register,
                args=(levels,),
            )
        fields.show_error("new")
        variable_options.histogram()


def _identity() -> None:
    first, second, third = st.columns(3)
    first.text_input(
        "Name",
        help="Short name in the model: letters, digits and underscores.",
        key=_key("name"),
    )
    second.segmented_control(
        "Group",
        list(Group),
        format_func=lambda group: group.capitalize(),
        required=True,
        help=" ".join(_GROUP_HELP.values()),
        key=_key("group"),
        width="stretch",
    )
    third.text_input("Unit", help="Unit of the values in the data, such as K.", key=_key("unit"))
    first, second = st.columns([2, 1])
    first.text_input("Long name", help="What charts and maps call it.", key=_key("long_name"))
    second.text_input(
        "Name in the files",
        placeholder="the same",
        help="Only if the files call it otherwise.",
        key=_key("source_name"),
    )


def _statistics(levels: tuple[float, ...]) -> None:
    st.caption(
        "Mean and standard deviation bring the variable to the size of all others. Leave them "
        "empty to have them computed from the training period at launch. With a transform they are "
        "those of the transformed values."
    )
    if not levels:
        first, second = st.columns(2)
        first.text_input("Mean", placeholder="computed at launch", key=_key("mean"))
        second.text_input("Standard deviation", placeholder="computed at launch", key=_key("std"))
        return
    for level in levels:
        first, second = st.columns(2)
        first.text_input(
            f"Mean at {level:g} hPa", placeholder="computed at launch", key=_key(f"mean_{level:g}")
        )
        second.text_input(
            f"Standard deviation at {level:g} hPa",
            placeholder="computed at launch",
            key=_key(f"std_{level:g}"),
        )


@boundary.guarded
def _begin(found: list[Candidate]) -> None:
    """Fill the form with what is known about the chosen variable."""
    state.field_errors().pop("new", None)
    variable_options.forget_statistics()
    chosen = st.session_state[_key("choice")]
    candidate = next((c for c in found if c.label == chosen), None)
    values = candidate or Candidate(name="", group=Group.SURFACE, unit="", long_name="")
    for field in ("name", "group", "unit", "long_name"):
        st.session_state[_key(field)] = getattr(values, field)
    st.session_state[_key("source_name")] = values.source_name or ""
    variable_options.begin()


@boundary.guarded
def _compute() -> None:
    """Fill in mean and standard deviation from the training period of the chosen data."""
    errors = state.field_errors()
    errors.pop("new", None)
    try:
        variable = VariableSpec.build(_typed_identity())
        spec = editor.current().spec
        moments = candidates.moments(spec, variable)
        variable_options.keep_sample(variable.name, candidates.sample(spec, variable))
    except AuroraDashError as error:
        errors["new"] = str(error)
        return
    for level, (mean, std) in moments.items():
        suffix = "" if level is None else f"_{level:g}"
        st.session_state[_key(f"mean{suffix}")] = f"{mean:.6g}"
        st.session_state[_key(f"std{suffix}")] = f"{std:.6g}"


@boundary.guarded
def _register(levels: tuple[float, ...]) -> None:
    errors = state.field_errors()
    errors.pop("new", None)
    try:
        values = {**_typed_identity(), **_typed_statistics(levels)}
        variable = VariableSpec.build(values)
        spec = edits.add_variable(editor.current().spec, variable)
    except SpecError as error:
        errors["new"] = error.message
        return
    editor.put(spec)
    state.flash(f"{variable.name} is registered as a new {variable.group} variable.")


def _typed_identity() -> dict[str, Any]:
    def typed(name: str) -> str:
        return str(st.session_state.get(_key(name)) or "").strip()

    return {
        "name": typed("name"),
        "group": st.session_state[_key("group")],
        "unit": typed("unit") or "1",
        "long_name": typed("long_name"),
        "source_name": typed("source_name") or None,
        **variable_options.typed(),
    }


def _typed_statistics(levels: tuple[float, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in ("mean", "std"):
        if not levels:
            result[name] = number(_key(name), name)
            continue
        by_level = {f"{level:g}": number(_key(f"{name}_{level:g}"), name) for level in levels}
        given = {level: value for level, value in by_level.items() if value is not None}
        if given and len(given) < len(by_level):
            missing = ", ".join(f"{level} hPa" for level in by_level if level not in given)
            raise SpecError(f"The {name} is missing at {missing}: give all levels or none.")
        result[name] = given or None
    return result
