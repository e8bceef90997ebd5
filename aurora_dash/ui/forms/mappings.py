"""A field that gives numbers by name, typed as ``name=number, name=number``."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, fields, state


def numbers(spec: RunSpec, field: str, label: str, help: str, *, placeholder: str) -> None:
    """A line of names with numbers; what can't be read stays in the form with the reason."""
    key = f"{state.FIELD_PREFIX}{field}"
    st.text_input(
        label,
        value=written(edits.read(spec, field)),
        placeholder=placeholder,
        help=f"{help} Written as {placeholder}.",
        key=key,
        on_change=_changed,
        args=(field, key),
    )
    fields.show_error(field)


def written(values: Mapping[str, float]) -> str:
    """Numbers by name as they are typed."""
    return ", ".join(f"{name}={value:g}" for name, value in values.items())


def parsed(text: str) -> dict[str, float]:
    """What was typed; `ValueError` names the part that can't be read."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            separator = ""
        if not separator or not name.strip():
            raise ValueError(f"{part!r} is not a name and a number; write for example z=2.5.")
    return found


@boundary.guarded
def _changed(field: str, key: str) -> None:
    try:
        editor.assign(field, parsed(st.session_state[key]))
    except ValueError as error:
        state.field_errors()[field] = str(error)
