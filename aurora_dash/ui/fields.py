"""Form widgets bound to a field of the draft: shown from it, saved to it, errors beneath.

Every widget takes the field's dotted path in `RunSpec`, a label and a sentence of help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, state

Convert = Callable[[Any], Any]


def integer(
    spec: RunSpec,
    field: str,
    label: str,
    help: str,
    *,
    minimum: int = 0,
    maximum: int | None = None,
    step: int = 1,
    placeholder: str | None = None,
) -> None:
    """A whole number; with a `placeholder` it may be left empty (None)."""
    st.number_input(
        label,
        value=edits.read(spec, field),
        min_value=minimum,
        max_value=maximum,
        step=step,
        format="%d",
        placeholder=placeholder,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, None),
    )
    show_error(field)


def scientific(
    spec: RunSpec, field: str, label: str, help: str, *, placeholder: str | None = None
) -> None:
    """A number such as 1e-4, typed as text; with a `placeholder` it may be left empty (None)."""
    value = edits.read(spec, field)
    st.text_input(
        label,
        value="" if value is None else f"{value:g}",
        placeholder=placeholder,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, _number_or_none if placeholder else _number),
    )
    show_error(field)


def decimal(
    spec: RunSpec,
    field: str,
    label: str,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float = 0.1,
) -> None:
    """A number with a decimal point."""
    st.number_input(
        label,
        value=float(edits.read(spec, field)),
        min_value=minimum,
        max_value=maximum,
        step=step,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, None),
    )
    show_error(field)


def text(
    spec: RunSpec,
    field: str,
    label: str,
    help: str,
    *,
    placeholder: str | None = None,
    convert: Convert | None = None,
    show: Callable[[Any], str] = str,
) -> None:
    """A line of text; empty becomes None where the field allows it through `convert`."""
    value = edits.read(spec, field)
    st.text_input(
        label,
        value=show(value) if value else "",
        placeholder=placeholder,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, convert),
    )
    show_error(field)


def choice(
    spec: RunSpec,
    field: str,
    label: str,
    help: str,
    options: Sequence[Any],
    *,
    show: Callable[[Any], str] = str,
) -> None:
    """One of a few."""
    value = edits.read(spec, field)
    st.selectbox(
        label,
        options,
        index=list(options).index(value) if value in options else 0,
        format_func=show,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, None),
    )
    show_error(field)


def described(
    label: str,
    options: Mapping[str, tuple[str, str]],
    value: str,
    *,
    key: str,
    on_change: Callable[[], None],
    beside: bool = True,
) -> str:
    """One of a few that need a sentence each: `options` are titles and captions by name.

    What a choice means for the draft is up to `on_change`. Returns the name chosen. The options
    lie `beside` each other under no label, or below each other under one.
    """
    # Set, not given as the default: a browser that shows the button already follows only so.
    st.session_state.setdefault(key, value)
    chosen: str = st.radio(
        label,
        list(options),
        format_func=lambda name: options[name][0],
        captions=[caption for _, caption in options.values()],
        horizontal=beside,
        label_visibility="collapsed" if beside else "visible",
        key=key,
        on_change=on_change,
    )
    return chosen


def switch(spec: RunSpec, field: str, label: str, help: str) -> None:
    """On or off."""
    st.toggle(
        label,
        value=bool(edits.read(spec, field)),
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, None),
    )
    show_error(field)


def several(
    spec: RunSpec,
    field: str,
    label: str,
    help: str,
    options: Sequence[Any],
    *,
    placeholder: str,
    show: Callable[[Any], str] = str,
    convert: Convert = tuple,
) -> None:
    """Any number of a list; none chosen means what `placeholder` says."""
    chosen = edits.read(spec, field) or ()
    st.multiselect(
        label,
        options,
        default=[option for option in options if option in chosen],
        format_func=show,
        placeholder=placeholder,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, convert),
    )
    show_error(field)


def moment(spec: RunSpec, field: str, label: str, help: str) -> None:
    """A date and time in UTC, which may be left empty (None)."""
    value = edits.read(spec, field)
    st.datetime_input(
        label,
        value=value.replace(tzinfo=None) if value else None,
        step=3600,
        help=help,
        key=_key(field),
        on_change=_changed,
        args=(field, None),
    )
    show_error(field)


def names_in(text: str) -> tuple[str, ...]:
    """The names that were typed with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _key(field: str) -> str:
    return f"{state.FIELD_PREFIX}{field}"


@boundary.guarded
def _changed(field: str, convert: Convert | None) -> None:
    value = st.session_state[_key(field)]
    try:
        editor.assign(field, convert(value) if convert else value)
    except ValueError as error:
        state.field_errors()[field] = str(error)


def show_error(field: str) -> None:
    """What is wrong with the value typed for a field, if anything is."""
    message = state.field_errors().get(field)
    if message:
        st.markdown(f":red[:material/error: {boundary.plain(message)}]")


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ".").strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a number; write for example 1e-4 or 0.5.") from None


def _number_or_none(text: str) -> float | None:
    return _number(text) if text.strip() else None
