"""Several regions or data sets that are trained on together."""

from __future__ import annotations

from typing import Any

import streamlit as st

from aurora_dash.errors import SpecError
from aurora_dash.spec import MixPart, Region, RunSpec
from aurora_dash.ui import boundary, editor, fields, state

_MIX = f"{state.FIELD_PREFIX}data.mix"
_SIDES = ("north", "south", "west", "east")
_BOX = Region(north=75, south=35, west=0, east=40)


def form(spec: RunSpec) -> None:
    """The parts of the mix, one below the other, and how to add one."""
    mix = spec.data.mix
    title = f"Mix of {len(mix)} parts" if mix else "Mix several regions or data sets"
    with st.expander(title, icon=":material/stacks:", expanded=bool(mix)):
        st.caption(
            "Each batch comes from one part, drawn by its weight. What a part leaves empty "
            "it has from the rest of this page; all need the same variables and levels, and may "
            "have different grids. Validation is told of each part and of all together."
        )
        for index, part in enumerate(mix):
            _part(index, part, share=part.weight / sum(other.weight for other in mix))
        first, second, third = st.columns(3)
        first.button(
            "Add a region",
            icon=":material/crop_free:",
            help="Another box of the same data.",
            key="mix-add-region",
            on_click=_add,
            args=("region",),
        )
        second.button(
            "Add a period or data set",
            icon=":material/library_add:",
            help="Of other files, or of other times.",
            key="mix-add-data",
            on_click=_add,
            args=("data",),
        )
        if spec.data.source == "demo":
            third.button(
                "Add another demo",
                icon=":material/science:",
                help="Synthetic weather of another seed.",
                key="mix-add-demo",
                on_click=_add,
                args=("demo",),
            )


def _part(index: int, part: MixPart, *, share: float) -> None:
    with st.container(border=True, key=f"mix-part-{index}"):
        first, second, third = st.columns([3, 2, 1], vertical_alignment="bottom")
        with first:
            _typed(index, "name", "Name of the part", part.name)
        with second:
            st.number_input(
                f"Weight ({share:.0%} of the samples)",
                value=part.weight,
                min_value=0.0,
                step=0.5,
                key=_key(index, "weight"),
                on_change=_change,
                args=(index, "weight"),
            )
        third.button(
            "Remove",
            icon=":material/delete:",
            key=f"mix-remove-{index}",
            on_click=_remove,
            args=(index,),
        )
        if part.demo is not None:
            st.caption(f"Synthetic weather of seed {part.demo.seed}.")
        else:
            _typed(
                index,
                "paths",
                "Files of its own, separated by semicolons",
                "; ".join(part.paths),
                placeholder="The data of this page",
            )
        _region(index, part)
        _period(index, part)
        fields.show_error(f"data.mix.{index}")


def _typed(index: int, field: str, label: str, value: str, placeholder: str | None = None) -> None:
    st.text_input(
        label,
        value=value,
        placeholder=placeholder,
        key=_key(index, field),
        on_change=_change,
        args=(index, field),
    )


def _region(index: int, part: MixPart) -> None:
    wanted = st.toggle(
        "A region of its own",
        value=part.region is not None,
        key=_key(index, "region"),
        on_change=_change,
        args=(index, "region"),
    )
    if wanted:
        box = part.region or _BOX
        for column, side in zip(st.columns(4), _SIDES, strict=True):
            column.number_input(
                f"{side.capitalize()} (°)",
                value=float(getattr(box, side)),
                step=1.0,
                key=_key(index, side),
                on_change=_change,
                args=(index, side),
            )


def _period(index: int, part: MixPart) -> None:
    labels = {
        "start": "From (UTC)",
        "end": "Until (UTC)",
        "validation_start": "Validate from (UTC)",
        "validation_end": "Validate until (UTC)",
    }
    for column, (field, label) in zip(st.columns(4), labels.items(), strict=True):
        value = getattr(part, field)
        column.datetime_input(
            label,
            value=value.replace(tzinfo=None) if value else None,
            step=3600,
            key=_key(index, field),
            on_change=_change,
            args=(index, field),
        )


def _key(index: int, field: str) -> str:
    return f"{_MIX}.{index}.{field}"


@boundary.guarded
def _change(index: int, field: str) -> None:
    """Take over what was typed in a field of a part; what is refused is told beneath the part."""
    spec = editor.current().spec
    value: Any = st.session_state[_key(index, field)]
    if field == "paths":
        value = tuple(text.strip() for text in value.split(";") if text.strip())
    elif field == "region":
        value = _BOX if value else None
    elif field in _SIDES:
        field, value = "region", {side: st.session_state[_key(index, side)] for side in _SIDES}
    errors, place = state.field_errors(), f"data.mix.{index}"
    try:
        mix = list(spec.data.mix)
        mix[index] = mix[index].replace(**{field: value})
        editor.store(spec.replace(data=spec.data.replace(mix=tuple(mix))))
    except SpecError as error:
        errors[place] = error.message
    else:
        errors.pop(place, None)


@boundary.guarded
def _add(kind: str) -> None:
    spec = editor.current().spec
    # The data that was there before becomes the first part.
    mix = spec.data.mix or (MixPart(name="first"),)
    names = {part.name for part in mix}
    name = next(f"part-{n}" for n in range(2, len(mix) + 3) if f"part-{n}" not in names)
    part = MixPart(name=name)
    if kind == "region":
        part = part.replace(region=_BOX)
    elif kind == "demo":
        seed = max([spec.data.demo.seed, *(p.demo.seed for p in mix if p.demo)]) + 1
        part = part.replace(demo=spec.data.demo.replace(seed=seed))
    editor.put(spec.replace(data=spec.data.replace(mix=(*mix, part))))


@boundary.guarded
def _remove(index: int) -> None:
    """Without the part; the last one that is left is no mix any more."""
    spec = editor.current().spec
    mix = tuple(part for place, part in enumerate(spec.data.mix) if place != index)
    editor.put(spec.replace(data=spec.data.replace(mix=mix if len(mix) > 1 else ())))
