"""The Variables page: role, transform, beginning and learning rate of a variable, its histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from aurora_dash.data.transforms import Numbers
from aurora_dash.errors import SpecError
from aurora_dash.figures.histogram import histogram_figure
from aurora_dash.spec import RunSpec
from aurora_dash.ui import state
from aurora_dash.ui.live_chart import live_chart
from aurora_dash.variables import Group

_SAMPLE = "new-variable-sample"
_HISTOGRAM_HEIGHT = 280
_ROLES = {"both": "given and predicted", "input": "given only", "output": "predicted only"}
_TRANSFORMS = {"none": "none", "log": "logarithm", "sqrt": "square root"}
_BEGINNINGS = {"random": "random", "zero": "zero", "copy": "copy of another"}
_OFFSETS = {"m": "1e-5", "kg kg-1": "1e-10", "kg kg**-1": "1e-10"}


def field_key(name: str) -> str:
    """Session key of the form's widget `name`."""
    return f"{state.FIELD_PREFIX}new:{name}"


def number(key: str, name: str) -> float | None:
    """The number typed into the widget at `key`; None if nothing was."""
    text = str(st.session_state.get(key) or "").replace(",", ".").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise SpecError(f"{text!r} is not a number for the {name}.") from None


def begin() -> None:
    """Set everything here to what is usual."""
    usual = {"role": "both", "transform": "none", "initialise": "random", "lr": ""}
    unit = st.session_state.get(field_key("unit")) or ""
    for name, value in {**usual, "transform_offset": _OFFSETS.get(unit, "")}.items():
        st.session_state[field_key(name)] = value
    st.session_state.pop(field_key("copy_from"), None)


def forget_statistics() -> None:
    """Empty mean, standard deviation and histogram: they belong to other values."""
    prefixes = (field_key("mean"), field_key("std"))
    for key in [k for k in st.session_state if str(k).startswith(prefixes)]:
        del st.session_state[key]
    st.session_state.pop(_SAMPLE, None)


def show(spec: RunSpec, group: Group) -> None:
    """The widgets; a static variable has no role to choose."""
    with st.expander("Role, transform, beginning and learning rate", icon=":material/tune:"):
        first, second = st.columns(2)
        if group is not Group.STATIC:
            _choice(
                first,
                "role",
                "Role",
                _ROLES,
                "Given only: an input such as a forcing, not in the loss or the scores. Predicted "
                "only: a target that forecasts don't start from, such as accumulated rain.",
            )
        _beginning(second, spec, group)
        _transform(*st.columns(2))
        st.text_input(
            "Learning rate",
            placeholder=f"{spec.optimiser.lr_new:g}, as of all new variables",
            help="Peak learning rate of this variable's embedding and head.",
            key=field_key("lr"),
        )


def _choice(place: Any, name: str, label: str, words: dict[str, str], help: str) -> str:
    chosen = place.selectbox(
        label, list(words), format_func=words.__getitem__, help=help, key=field_key(name)
    )
    return str(chosen)


def _beginning(place: Any, spec: RunSpec, group: Group) -> None:
    help = (
        "How the weights of its input begin. Zero: forecasts of all other variables are at first "
        "exactly what they were. Copy: embedding and head of a similar variable of the model."
    )
    if _choice(place, "initialise", "Weights begin", _BEGINNINGS, help) == "copy":
        names = [variable.name for variable in spec.model.catalogue_entry.variables(group)]
        if st.session_state.get(field_key("copy_from")) not in names:
            st.session_state[field_key("copy_from")] = names[0]
        place.selectbox(
            "Copy of",
            names,
            help="A variable of the same group that looks alike.",
            key=field_key("copy_from"),
        )


def _transform(first: Any, second: Any) -> None:
    chosen = first.selectbox(
        "Transform",
        list(_TRANSFORMS),
        format_func=_TRANSFORMS.__getitem__,
        help="For what is never negative and mostly small, such as rain or pollutants. The model "
        "learns log(1 + x / offset) or the square root; maps and scores stay in physical units.",
        key=field_key("transform"),
        on_change=forget_statistics,
    )
    if chosen == "log":
        second.text_input(
            "Offset",
            help="In the variable's unit, about where values begin to matter: 1e-5 for rain in m, "
            "1e-10 for a mixing ratio of NO2 in kg kg-1.",
            key=field_key("transform_offset"),
            on_change=forget_statistics,
        )


def typed() -> dict[str, Any]:
    """What was chosen, as fields of a `VariableSpec`; `SpecError` for what is no number."""

    def chosen(name: str) -> Any:
        return st.session_state.get(field_key(name))

    transform, initialise = chosen("transform") or "none", chosen("initialise") or "random"
    static = chosen("group") == Group.STATIC
    offset = number(field_key("transform_offset"), "offset") if transform == "log" else None
    return {
        "role": "both" if static else chosen("role") or "both",
        "transform": transform,
        "transform_offset": offset,
        "initialise": initialise,
        "copy_from": chosen("copy_from") if initialise == "copy" else None,
        "lr": number(field_key("lr"), "learning rate"),
    }


def keep_sample(name: str, values: dict[float | None, Numbers]) -> None:
    """Keep transformed values by level for the histogram, until the variable changes."""
    st.session_state[_SAMPLE] = (name, values)


def histogram() -> None:
    """Sampled values, normalised by what stands in the form, beside a standard normal."""
    if _SAMPLE not in st.session_state:
        return
    name, values = st.session_state[_SAMPLE]
    normalised = []
    for level, sample in values.items():
        suffix = "" if level is None else f"_{level:g}"
        try:
            mean = number(field_key(f"mean{suffix}"), "mean")
            std = number(field_key(f"std{suffix}"), "standard deviation")
        except SpecError:
            return
        if mean is None or std is None or not std > 0:
            return
        normalised.append(((sample - mean) / std).ravel())
    figure = histogram_figure(np.concatenate(normalised), name)
    live_chart(figure, key="new-histogram", height=_HISTOGRAM_HEIGHT)
    st.caption(
        "A sample of the training period"
        + (", all levels together." if len(normalised) > 1 else ".")
        + " The closer to the dashed curve, the easier to learn; a long tail on the right asks for "
        "a transform."
    )
