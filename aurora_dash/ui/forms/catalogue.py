"""The Model page's catalogue: all variants as cards and as a table, the chosen one in detail."""

from __future__ import annotations

import streamlit as st

from aurora_dash.figures.labels import pretty_unit
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, state, words
from aurora_dash.variables import Group
from aurora_dash.variants import VARIANTS, Variant

_COLUMNS = 3


def cards(spec: RunSpec) -> None:
    """All variants as cards, one of them chosen; then the same as a table."""
    for start in range(0, len(VARIANTS), _COLUMNS):
        columns = st.columns(_COLUMNS)
        for column, variant in zip(columns, VARIANTS[start : start + _COLUMNS], strict=False):
            with column:
                _card(variant, chosen=variant.id == spec.model.variant)
    with st.expander("Compare all in a table", icon=":material/table:"):
        st.dataframe(catalogue_rows(), hide_index=True)


def _card(variant: Variant, *, chosen: bool) -> None:
    kind = "chosen" if chosen else "card"
    key = f"{kind}-{variant.id.replace('.', '-')}"
    with st.container(border=True, height="stretch", key=key, gap="xsmall"):
        st.markdown(f"**{variant.title}**")
        st.caption(variant.note)
        st.markdown(f":small[{_facts(variant)}]")
        if chosen:
            st.badge("Chosen", icon=":material/check:", color="primary")
            return
        st.button(
            "Choose",
            key=f"choose-{variant.id}",
            help=f"Fine-tune {variant.title}",
            on_click=_choose_variant,
            args=(variant.id,),
        )


def _facts(variant: Variant) -> str:
    return " · ".join(
        (
            f"{variant.timestep_hours} h step",
            f"{len(variant.surface)} + {len(variant.atmospheric)} variables",
            f"{words.parameters(variant.num_parameters)} parameters",
            f"{variant.size_gib:.1f} GiB",
        )
    )


def catalogue_rows() -> list[dict[str, object]]:
    """The whole catalogue, a row a variant."""
    return [
        {
            "Variant": variant.title,
            "Key note": variant.note,
            "Resolution (°)": variant.resolution_degrees,
            "Time step (h)": variant.timestep_hours,
            "Surface": ", ".join(variant.surface),
            "Static": ", ".join(variant.static),
            "Atmospheric": ", ".join(variant.atmospheric),
            "Levels (hPa)": ", ".join(map(str, variant.levels)),
            "Static file": variant.static_file or "none",
            "Licence": variant.licence,
            "Parameters": words.parameters(variant.num_parameters),
            "Download (GiB)": round(variant.size_gib, 2),
            "Checkpoint": variant.filename,
        }
        for variant in VARIANTS
    ]


def details(spec: RunSpec) -> None:
    """Everything about the chosen variant."""
    variant = spec.model.catalogue_entry
    with st.container(border=True):
        st.subheader(variant.title, anchor=False)
        st.markdown(variant.note)
        left, right = st.columns(2)
        with left:
            for group in Group:
                names = [v.name for v in variant.variables(group)]
                st.markdown(f"**{group.capitalize()}** ({len(names)})")
                st.caption(_listed(variant, group))
        with right:
            st.markdown(
                f"**Levels** ({len(variant.levels)}): {', '.join(map(str, variant.levels))} hPa\n\n"
                f"**Resolution** {variant.resolution_degrees:g}°, **time step** "
                f"{variant.timestep_hours} h, **patch** {variant.patch_size} grid points\n\n"
                f"**Static file** `{variant.static_file or 'none'}`\n\n"
                f"**Checkpoint** `{variant.filename}` "
                f"({variant.size_gib:.2f} GiB, {variant.num_parameters:,} parameters)\n\n"
                f"**From** `{variant.repository}` at `{variant.revision[:8]}`, "
                f"**licence** {variant.licence}"
                f"{', **LoRA** weights inside' if variant.uses_lora else ''}"
            )


def _listed(variant: Variant, group: Group) -> str:
    marks = dict.fromkeys(variant.output_only, " (only predicted)")
    marks |= dict.fromkeys(variant.computed, " (computed)")
    variables = variant.variables(group)
    if len(variables) > 12:
        return ", ".join(f"{v.name}{marks.get(v.name, '')}" for v in variables)
    return ", ".join(f"{v.name} ({v.long_name.lower()}, {pretty_unit(v.unit)})" for v in variables)


@boundary.guarded
def _choose_variant(variant_id: str) -> None:
    spec, given_up = edits.choose_variant(editor.current().spec, variant_id)
    editor.put(spec)
    for message in given_up:
        state.flash(message, kind="warning")
