"""How data is cut into samples: lead time, stride, what validates, crops."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.spec.data import LONGEST_LEAD_HOURS
from aurora_dash.ui import boundary, editor, fields, state

_HELD_BACK = f"{state.FIELD_PREFIX}data.validation"
_CROP = f"{state.FIELD_PREFIX}data.crop"
_FRACTION, _PERIOD = "The last part", "A period"
_VALIDATION_CROPS = {"whole": "The whole grid", "centre": "A box of that size in the middle"}


def samples(spec: RunSpec) -> None:
    """Lead time, stride, validation and crops."""
    first, second = st.columns(2)
    step = spec.model.catalogue_entry.timestep_hours
    with first:
        fields.integer(
            spec,
            "data.lead_hours",
            "Lead time (hours)",
            f"From the last input to the target. Empty: the model's time step, {step} h.",
            minimum=1,
            maximum=LONGEST_LEAD_HOURS,
            placeholder=f"{step} (the model's step)",
        )
    with second:
        fields.integer(
            spec,
            "data.stride",
            "Use every n-th sample",
            "1 uses all. Neighbours share most of their times, so that fewer say nearly as much.",
            minimum=1,
        )
    _validation(spec)
    _crops(spec)


def _validation(spec: RunSpec) -> None:
    kinds = [_FRACTION, _PERIOD]
    first, second, third = st.columns(3)
    chosen = first.radio(
        "Kept for validation",
        kinds,
        index=int(spec.data.has_validation_period),
        horizontal=True,
        help="Never trained on: what the model is judged by.",
        key=_HELD_BACK,
        on_change=_choose_held_back,
    )
    if chosen == _FRACTION:
        with second:
            fields.decimal(
                spec,
                "data.validation_fraction",
                "Share for validation",
                "Of the samples, the last. 0.2 is a fifth.",
                minimum=0.0,
                maximum=0.9,
                step=0.05,
            )
    with third:
        fields.integer(
            spec,
            "data.gap_hours",
            "Gap (hours)",
            "Times left out between training and validation, because weather resembles itself for "
            "days. 0: no time is in both, and nothing more.",
            step=6,
        )
    if chosen == _PERIOD:
        _period(spec)


def _period(spec: RunSpec) -> None:
    first, second = st.columns(2)
    with first:
        fields.moment(
            spec,
            "data.validation_start",
            "Validate from (UTC)",
            "First time of the period. Empty: from the beginning of the data.",
        )
    with second:
        fields.moment(
            spec,
            "data.validation_end",
            "Validate until (UTC)",
            "Last time of the period. Empty: to the end of the data.",
        )
    if not spec.data.has_validation_period:
        share = f"{spec.data.validation_fraction:.0%}"
        st.caption(f"Until you name a day, the last {share} of the samples validate.")


def _crops(spec: RunSpec) -> None:
    patch = spec.model.catalogue_entry.patch_size
    wanted = st.toggle(
        "Train on random crops",
        value=spec.data.crop is not None,
        help="Cuts a box out of the grid, at another place in every step: less memory, quicker "
        f"steps. Sides are multiples of the model's patch, {patch} points.",
        key=f"{_CROP}.wanted",
        on_change=_toggle_crop,
    )
    if not wanted:
        return
    sides = spec.data.crop or _usual_crop(spec)
    first, second, third = st.columns(3)
    for column, name, side in zip((first, second), ("Height", "Width"), sides, strict=True):
        column.number_input(
            f"{name} of a crop (points)",
            value=side,
            min_value=patch,
            step=patch,
            key=f"{_CROP}.{name}",
            on_change=_change_crop,
        )
    with third:
        fields.choice(
            spec,
            "data.validation_crop",
            "Validate on",
            "The whole grid takes more memory than a crop does.",
            list(_VALIDATION_CROPS),
            show=_VALIDATION_CROPS.__getitem__,
        )
    fields.show_error("data.crop")


def _usual_crop(spec: RunSpec) -> tuple[int, int]:
    side = 8 * spec.model.catalogue_entry.patch_size
    return side, side


@boundary.guarded
def _choose_held_back() -> None:
    if st.session_state[_HELD_BACK] == _FRACTION:
        spec = editor.current().spec
        data = spec.data.replace(validation_start=None, validation_end=None)
        editor.store(spec.replace(data=data))


@boundary.guarded
def _toggle_crop() -> None:
    wanted = st.session_state[f"{_CROP}.wanted"]
    editor.assign("data.crop", _usual_crop(editor.current().spec) if wanted else None)


@boundary.guarded
def _change_crop() -> None:
    sides = tuple(st.session_state[f"{_CROP}.{name}"] for name in ("Height", "Width"))
    editor.assign("data.crop", sides)
