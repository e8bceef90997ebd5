"""The Variables page: register new variables with unit and statistics, see and remove them."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from aurora_dash.errors import AuroraDashError, SpecError
from aurora_dash.spec import RunSpec, VariableSpec
from aurora_dash.ui import boundary, candidates, editor, edits, fields, state, words
from aurora_dash.ui.candidates import Candidate
from aurora_dash.variables import Group

_OTHER = "another name"
_GROUP_HELP = {
    Group.SURFACE: "Surface: one field a time; given and predicted.",
    Group.STATIC: "Static: one field for all times; given only.",
    Group.ATMOSPHERIC: "Atmospheric: a field a pressure level; given and predicted.",
}


def _key(name: str) -> str:
    return f"{state.FIELD_PREFIX}new:{name}"


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
        "empty to have them computed from the training period at launch."
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
    for key in [k for k in st.session_state if str(k).startswith((_key("mean"), _key("std")))]:
        del st.session_state[key]
    chosen = st.session_state[_key("choice")]
    candidate = next((c for c in found if c.label == chosen), None)
    values = candidate or Candidate(name="", group=Group.SURFACE, unit="", long_name="")
    for field in ("name", "group", "unit", "long_name"):
        st.session_state[_key(field)] = getattr(values, field)
    st.session_state[_key("source_name")] = values.source_name or ""


@boundary.guarded
def _compute() -> None:
    """Fill in mean and standard deviation from the training period of the chosen data."""
    errors = state.field_errors()
    errors.pop("new", None)
    try:
        variable = VariableSpec.build(_typed_identity())
        moments = candidates.moments(editor.current().spec, variable)
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
    }


def _typed_statistics(levels: tuple[float, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in ("mean", "std"):
        if not levels:
            result[name] = _number(_key(name), name)
            continue
        by_level = {f"{level:g}": _number(_key(f"{name}_{level:g}"), name) for level in levels}
        given = {level: value for level, value in by_level.items() if value is not None}
        if given and len(given) < len(by_level):
            missing = ", ".join(f"{level} hPa" for level in by_level if level not in given)
            raise SpecError(f"The {name} is missing at {missing}: give all levels or none.")
        result[name] = given or None
    return result


def _number(key: str, name: str) -> float | None:
    text = str(st.session_state.get(key) or "").replace(",", ".").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise SpecError(f"{text!r} is not a number for the {name}.") from None


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
        statistics.markdown(f":small[{statistics_text(variable)}]")
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
