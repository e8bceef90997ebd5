"""The Train page's recipes: what one would change, shown before it does."""

from __future__ import annotations

import streamlit as st

from aurora_dash.errors import SpecError
from aurora_dash.presets import PRESETS, Preset
from aurora_dash.presets.recipe import Change, applied, differences
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, state
from aurora_dash.ui.boundary import plain

_CHOICE = "recipe"


def choose(spec: RunSpec) -> None:
    """Choose a recipe, see what it would change, and apply it."""
    name = st.selectbox(
        "Recipe",
        list(PRESETS),
        index=None,
        format_func=lambda name: PRESETS[name].title,
        placeholder="Choose a recipe to see what it would change",
        help="Sets loss, optimiser, rollout, length and what is trained. Data, variables, targets "
        "and the weights to begin from stay yours.",
        key=_CHOICE,
    )
    if name is None:
        return
    preset = PRESETS[name]
    st.caption(plain(f"{preset.summary} {preset.build().notes}"))
    try:
        after = applied(spec, preset.build())
    except SpecError as error:
        st.warning(f"It does not go with this draft: {plain(str(error))}")
        return
    changes = differences(spec, after)
    if not changes:
        st.success("The draft follows this recipe.", icon=":material/check:")
        return
    st.table([_row(change) for change in changes])
    st.button(
        f"Apply {len(changes)} change{'s' if len(changes) > 1 else ''}",
        icon=":material/done_all:",
        on_click=_apply,
        args=(preset,),
        key="apply-recipe",
    )


def _row(change: Change) -> dict[str, str]:
    return {
        "Field": f"`{change.field}`",
        "Now": _shown(change.before),
        "Recipe": _shown(change.after),
    }


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else plain(str(value))


@boundary.guarded
def _apply(preset: Preset) -> None:
    editor.store(applied(editor.current().spec, preset.build()))
    state.forget_fields()
    state.flash(f"The draft follows the recipe {preset.title!r} now.")
