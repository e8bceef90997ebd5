"""The Train page's part on the loss: what an error costs, and where it counts."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from aurora_dash.data.plan import split_times, training_times
from aurora_dash.data.roots import configured_roots, resolve_inside_roots
from aurora_dash.data.suggested import SuggestedWeight, suggest_weights
from aurora_dash.model.statistics import resolve_statistics
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, fields, opened, state
from aurora_dash.ui.boundary import plain
from aurora_dash.ui.forms import mappings

KINDS = {
    "mae": "Absolute error: the paper's",
    "mse": "Squared error",
    "huber": "Huber: squared, then linear",
    "combined": "Absolute and squared",
    "custom": "Your own",
}
MASKS = {
    "none": "Everywhere",
    "land": "On land alone",
    "sea": "At sea alone",
    "file": "Where a mask file says",
}


@dataclass(frozen=True)
class _WithFile:
    """A choice of `LossSpec` of which one option comes with a file."""

    choice: str
    usual: str
    needs_file: str
    file: str

    @property
    def choice_key(self) -> str:
        return f"{state.FIELD_PREFIX}loss.{self.choice}"

    @property
    def file_key(self) -> str:
        return f"{state.FIELD_PREFIX}loss.{self.file}"


_KIND = _WithFile("kind", "mae", "custom", "code")
_MASK = _WithFile("mask", "none", "file", "mask_file")


def choose(spec: RunSpec) -> None:
    """Kind of loss, area weights, mask, weights of levels."""
    first, second, third = st.columns(3, vertical_alignment="bottom")
    with first:
        _kind(spec)
    with second:
        _mask(spec)
    with third:
        fields.switch(
            spec,
            "loss.area_weighted",
            "Weigh by area",
            "Rows near the poles count for less, as their cells are smaller. The paper weighs all "
            "points alike.",
        )
    mappings.numbers(
        spec,
        "loss.level_weights",
        "Weights of levels",
        "Of a level of all atmospheric variables, or of one; 1 where not given.",
        placeholder="850=2, z/500=3",
    )


def _kind(spec: RunSpec) -> None:
    st.selectbox(
        "Loss",
        list(KINDS),
        index=list(KINDS).index(spec.loss.kind),
        format_func=KINDS.__getitem__,
        help="What an error of a normalised value costs. docs/losses.md shows how to write one of "
        "your own.",
        key=_KIND.choice_key,
        on_change=_choose,
        args=(_KIND,),
    )
    if st.session_state.get(_KIND.choice_key, spec.loss.kind) == "custom":
        st.text_input(
            "Python file",
            value=spec.loss.code or "",
            placeholder="my_loss.py",
            help="A file with one subclass of WeightedLoss. It is code and runs with all your "
            "rights: only where AURORA_DASH_USER_CODE=1 is set as the dashboard is started.",
            key=_KIND.file_key,
            on_change=_change_file,
            args=(_KIND,),
        )
        fields.show_error("loss.code")
    elif spec.loss.kind == "huber":
        fields.decimal(
            spec,
            "loss.huber_delta",
            "Linear from",
            "Normalised error from which on it grows linearly.",
            minimum=0.01,
        )
    elif spec.loss.kind == "combined":
        fields.decimal(
            spec,
            "loss.mse_share",
            "Share of the square",
            "The absolute error has the rest.",
            minimum=0.0,
            maximum=1.0,
        )


def _mask(spec: RunSpec) -> None:
    st.selectbox(
        "Errors count",
        list(MASKS),
        index=list(MASKS).index(spec.loss.mask),
        format_func=MASKS.__getitem__,
        help="Land and sea are told by the static land-sea mask (lsm).",
        key=_MASK.choice_key,
        on_change=_choose,
        args=(_MASK,),
    )
    if st.session_state.get(_MASK.choice_key, spec.loss.mask) == "file":
        st.text_input(
            "Mask file",
            value=spec.loss.mask_file or "",
            placeholder="mask.nc",
            help="NetCDF with one variable on latitude and longitude, from 0 (does not count) to "
            "1, that has all points of the data.",
            key=_MASK.file_key,
            on_change=_change_file,
            args=(_MASK,),
        )
        fields.show_error("loss.mask_file")


@boundary.guarded
def _choose(part: _WithFile) -> None:
    chosen = st.session_state[part.choice_key]
    # The choice that needs a file is taken over together with the file's name.
    if chosen != part.needs_file:
        _store(**{part.choice: chosen, part.file: None})


@boundary.guarded
def _change_file(part: _WithFile) -> None:
    text = st.session_state[part.file_key].strip()
    if text:
        resolve_inside_roots(text, configured_roots())
        _store(**{part.choice: part.needs_file, part.file: text})
    else:
        _store(**{part.choice: part.usual, part.file: None})


def _store(**changes: str | None) -> None:
    spec = editor.current().spec
    editor.store(spec.replace(loss=spec.loss.replace(**changes)))


def suggest(spec: RunSpec) -> None:
    """A button that weighs the new variables by how hard they are to forecast."""
    new = [v.name for v in spec.variables if v.is_given and v.is_predicted]
    if new:
        st.button(
            "Suggest for new variables",
            icon=":material/lightbulb:",
            help="Standard deviation over the error of persistence, as in the paper, measured on "
            "the training period: a variable that is hard to forecast counts for less.",
            on_click=_suggest,
        )


@boundary.guarded
def _suggest() -> None:
    spec = editor.current().spec
    found = suggested(spec)
    weights = {item.name: float(f"{item.weight:.3g}") for item in found}
    editor.put(edits.set_weights(spec, {**spec.loss.weights, **weights}))
    said = "; ".join(
        f"{plain(item.name)}: {weights[item.name]:g} (persistence is off by "
        f"{item.persistence_error:.3g} standard deviations)"
        for item in found
    )
    state.flash(f"Weights were taken over. {said}.")


def suggested(spec: RunSpec) -> tuple[SuggestedWeight, ...]:
    """What the draft's data suggests; `AuroraDashError` if it can't be read."""
    dataset = opened.opened(spec).dataset
    windows = split_times(spec, dataset["time"].values).train
    return suggest_weights(
        resolve_statistics(spec, dataset, training_times(windows)), dataset, windows
    )
