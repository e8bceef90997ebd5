"""The Variables page: Aurora's own statistics, shown, compared with the data, changed knowingly."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.own_statistics import own_statistics
from aurora_dash.data.statistics import level_key, variable_statistics
from aurora_dash.errors import AuroraDashError, SpecError
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, candidates, editor, edits, fields, opened, state, words
from aurora_dash.ui.forms.variable_options import number
from aurora_dash.variables import Group

_FIELD = "model.statistics"
_PREFIX = f"{state.FIELD_PREFIX}own:"
_CHOICE, _LEVEL, _MEAN, _STD = (f"{_PREFIX}{part}" for part in ("choice", "level", "mean", "std"))

Choice = tuple[str, Group]


def change(spec: RunSpec) -> None:
    """What was changed, and the form to change more."""
    changed = spec.model.statistics
    title = "Statistics of the model's own variables"
    if changed:
        title += f" ({words.several(len(changed), 'change')})"
    with st.expander(title, icon=":material/monitoring:", expanded=bool(changed)):
        st.markdown(
            "The checkpoint learned its variables with Aurora's own means and standard deviations. "
            "With others it sees other numbers for the same weather, and has to learn anew what "
            "they mean: change them only where you know why."
        )
        for key, (mean, std) in changed.items():
            _changed_row(key, mean, std)
        _form(spec)
        fields.show_error(_FIELD)


def _changed_row(key: str, mean: float, std: float) -> None:
    text, button = st.columns([9, 1], vertical_alignment="center")
    own = own_statistics(key)
    before = f" (Aurora's own: {words.number(own[0])} ± {words.number(own[1])})" if own else ""
    text.markdown(f"**{key}**: {words.number(mean)} ± {words.number(std)}{before}")
    button.button(
        "",
        icon=":material/undo:",
        help=f"Take Aurora's own statistics of {key} again",
        key=f"own-statistics-{key}",
        on_click=_reset,
        args=(key,),
    )


def _form(spec: RunSpec) -> None:
    choices = _choices(spec)
    first, second = st.columns(2)
    chosen = first.selectbox(
        "Variable of the model",
        choices,
        index=None,
        format_func=lambda choice: f"{choice[0]} ({choice[1]})",
        placeholder="Choose one to see its statistics",
        key=_CHOICE,
        on_change=_forget,
    )
    if chosen is None:
        return
    name, group = chosen
    level = _level(spec, second) if group is Group.ATMOSPHERIC else None
    key = name if level is None else level_key(name, level)
    if own := own_statistics(key):
        st.caption(
            f"Aurora's own: mean {words.number(own[0])}, standard deviation {words.number(own[1])} "
            f"{spec.unit(name, group)}."
        )
    first, second = st.columns(2)
    first.text_input("Mean", placeholder="Aurora's own", key=_MEAN)
    second.text_input("Standard deviation", placeholder="Aurora's own", key=_STD)
    with st.container(horizontal=True):
        st.button(
            "Compute from the data",
            icon=":material/calculate:",
            help="Over the training period of the chosen data.",
            key="own-compute",
            on_click=_compute,
            args=(f"{group.prefix}{name}", key),
        )
        st.button(
            "Use in place of Aurora's",
            icon=":material/edit:",
            key="own-change",
            on_click=_change,
            args=(key,),
        )


def _choices(spec: RunSpec) -> list[Choice]:
    """The variant's variables that have statistics; directions, for instance, have none."""
    variant = spec.model.catalogue_entry
    found: list[Choice] = []
    for group in Group:
        level = variant.levels[0] if group is Group.ATMOSPHERIC else None
        for variable in variant.variables(group):
            if own_statistics(variable.name, level):
                found.append((variable.name, group))
    return found


def _level(spec: RunSpec, place: st.delta_generator.DeltaGenerator) -> float:
    known = spec.model.catalogue_entry.levels
    of_data = [level for level in candidates.levels(spec) if level in known]
    level: float = place.selectbox(
        "Level (hPa)",
        sorted(of_data or known, reverse=True),
        format_func=lambda value: f"{value:g}",
        key=_LEVEL,
        on_change=_forget,
    )
    return level


def _forget() -> None:
    for key in (_MEAN, _STD):
        st.session_state.pop(key, None)
    state.field_errors().pop(_FIELD, None)


@boundary.guarded
def _compute(variable: str, key: str) -> None:
    errors = state.field_errors()
    errors.pop(_FIELD, None)
    spec = editor.current().spec
    try:
        found = variable_statistics(
            opened.opened(spec).dataset, variable, time_indices=opened.training_times(spec)
        )
    except AuroraDashError as error:
        errors[_FIELD] = str(error)
        return
    if key not in found:
        errors[_FIELD] = f"The data has no {key}."
        return
    st.session_state[_MEAN] = f"{found[key].mean:.6g}"
    st.session_state[_STD] = f"{found[key].std:.6g}"


@boundary.guarded
def _change(key: str) -> None:
    errors = state.field_errors()
    errors.pop(_FIELD, None)
    spec = editor.current().spec
    try:
        mean, std = number(_MEAN, "mean"), number(_STD, "standard deviation")
        if mean is None or std is None:
            raise SpecError(f"Type both mean and standard deviation of {key}.")
        changed = edits.assign(spec, _FIELD, {**spec.model.statistics, key: (mean, std)})
    except SpecError as error:
        errors[_FIELD] = error.message
        return
    editor.store(changed)
    _forget()


@boundary.guarded
def _reset(key: str) -> None:
    spec = editor.current().spec
    rest = {name: pair for name, pair in spec.model.statistics.items() if name != key}
    editor.store(edits.assign(spec, _FIELD, rest))
