"""The Train page's part on forecasts: how many steps, how many members, which lead times."""

from __future__ import annotations

import streamlit as st

from aurora_dash.errors import DataError
from aurora_dash.figures.rollout import forecast_length_figure
from aurora_dash.spec import RolloutSpec, RunSpec
from aurora_dash.ui import boundary, editor, fields, opened, state, words
from aurora_dash.ui.forms.schedule import total_steps
from aurora_dash.ui.live_chart import live_chart
from aurora_dash.variables import Group

_KIND = f"{state.FIELD_PREFIX}rollout.kind"
_CURRICULUM = f"{state.FIELD_PREFIX}rollout.curriculum"
_CURRICULUM_FIELD = "rollout.curriculum"
_HEIGHT = 220
_BYTES = 4
_HISTORY = 2

KINDS = {
    "none": ("One step", "From data to the next step, as the model was first trained."),
    "backprop": (
        "Through all steps",
        "Gradients through the whole forecast: exact, and each step takes as much memory again.",
    ),
    "pushforward": (
        "Last step only",
        "Loss and gradient at the last step: the memory of one step, the time of all.",
    ),
    "replay": (
        "Replay buffer",
        "One step a time, from data or from an earlier forecast kept in memory: long leads at the "
        "cost of one step, as Aurora was fine-tuned.",
    ),
}
LORA_MODES = {
    None: "As the variant",
    "single": "In all steps alike",
    "from_second": "From the second step on",
    "all": "Another one in each step",
}
LEADS = [1, 2, 3, 4, 5, 6, 9, 12, 18, 24]


def summary(spec: RunSpec) -> str:
    """What is chosen, in a few words for the expander's label."""
    rollout = spec.rollout
    parts = [KINDS[rollout.kind][0].lower()]
    if rollout.is_multi_step:
        parts.append(f"up to {_length(spec, rollout.steps)}")
    if rollout.lead_hours:
        parts.append("leads " + ", ".join(f"{hours} h" for hours in rollout.lead_hours))
    if rollout.members > 1:
        parts.append(f"{rollout.members} members")
    return ", ".join(parts)


def choose(spec: RunSpec) -> None:
    """Kind of rollout and what belongs to it."""
    fields.described(
        "How many steps a forecast takes in training",
        KINDS,
        spec.rollout.kind,
        key=_KIND,
        on_change=_choose_kind,
        beside=False,
    )
    fields.show_error("rollout")
    if spec.rollout.is_multi_step:
        _steps(spec)
    if spec.rollout.kind == "replay":
        _replay(spec)
    _of_variant(spec)
    if spec.rollout.is_multi_step:
        _chart(spec)


@boundary.guarded
def _choose_kind() -> None:
    spec, kind = editor.current().spec, st.session_state[_KIND]
    errors = state.field_errors()
    for field in [name for name in errors if name.startswith("rollout")]:
        del errors[field]
    # Settings of another kind would be refused; members and lead times go on where they may.
    rollout = {"kind": kind, "members": 1 if kind == "replay" else spec.rollout.members}
    if kind == "none":
        rollout["lead_hours"] = spec.rollout.lead_hours
    elif kind == "replay":
        rollout["steps"] = 8
    editor.assign("rollout", RolloutSpec.build(rollout))


def _steps(spec: RunSpec) -> None:
    longest, curriculum, validated = st.columns([1, 2, 1])
    with longest:
        fields.integer(
            spec,
            "rollout.steps",
            "Longest forecast (steps)",
            f"Steps of {spec.lead_hours} h; each sample needs data for all of them.",
            minimum=2,
        )
        st.caption(f"= {_length(spec, spec.rollout.steps)}")
    with curriculum:
        _curriculum(spec)
    with validated:
        fields.integer(
            spec,
            "rollout.validate_steps",
            "Validate (steps)",
            "Steps of the forecasts that are validated; the loss is recorded for each lead time. "
            "Empty: as many as the longest forecast.",
            minimum=1,
            placeholder="All",
        )


def _curriculum(spec: RunSpec) -> None:
    st.text_input(
        "Curriculum",
        value="; ".join(f"{until}: {steps}" for until, steps in spec.rollout.curriculum),
        placeholder="None: the longest from the start",
        help="Forecasts get longer as training goes: `5000: 16` means at most 16 steps until step "
        "5000, then the longest. Several stages: `2000: 4; 5000: 16`.",
        key=_CURRICULUM,
        on_change=_change_curriculum,
    )
    fields.show_error(_CURRICULUM_FIELD)


@boundary.guarded
def _change_curriculum() -> None:
    try:
        stages = stages_of(st.session_state[_CURRICULUM])
    except ValueError as error:
        state.field_errors()[_CURRICULUM_FIELD] = str(error)
    else:
        editor.assign(_CURRICULUM_FIELD, stages)


def stages_of(text: str) -> tuple[tuple[int, int], ...]:
    """Pairs from text such as ``2000: 4; 5000: 16``; `ValueError` says what is wrong."""
    stages = []
    for part in filter(str.strip, text.split(";")):
        until, separator, steps = (piece.strip() for piece in part.partition(":"))
        if not (separator and until.isdecimal() and steps.isdecimal()):
            raise ValueError(
                f"{part.strip()!r} is no stage; write until: steps, for example 5000: 16."
            )
        stages.append((int(until), int(steps)))
    return tuple(stages)


def _replay(spec: RunSpec) -> None:
    size, refresh, memory = st.columns(3)
    with size:
        fields.integer(
            spec,
            "rollout.buffer_size",
            "Buffer (batches)",
            "Forecasts that wait for their next step. Aurora took 200, and 20 at 0.1°.",
            minimum=1,
            step=10,
        )
    with refresh:
        fields.integer(
            spec,
            "rollout.refresh_every",
            "New forecast every (steps)",
            "How often a forecast begins from data; in between one goes on. Aurora took 10.",
            minimum=1,
        )
    with memory:
        fields.decimal(
            spec,
            "rollout.buffer_gib",
            "Memory for the buffer (GiB)",
            "In the machine's memory, not the GPU's. A run that would need more is refused.",
            minimum=0.1,
            step=1.0,
        )
    needed = _buffer_bytes(spec)
    if needed is None:
        return
    told = f"With the chosen data a full buffer takes {words.size(needed)}."
    if needed > spec.rollout.buffer_gib * 2**30:
        st.markdown(f":red[:material/error: {told} Make it smaller, or allow it more memory.]")
    else:
        st.caption(told)


def _buffer_bytes(spec: RunSpec) -> int | None:
    """What a full buffer takes; None while the data can't be opened."""
    try:
        data = opened.summary(spec)
    except DataError:
        return None
    points = data.grid.num_latitudes * data.grid.num_longitudes
    given = [n for n in spec.names(Group.SURFACE) if n not in spec.output_only]
    levels = [n for n in spec.names(Group.ATMOSPHERIC) if n not in spec.output_only]
    num_fields = len(given) + len(levels) * len(data.levels)
    batch = num_fields * _HISTORY * points * _BYTES * spec.training.batch_size
    return batch * spec.rollout.buffer_size


def _of_variant(spec: RunSpec) -> None:
    """What only some variants can do."""
    variant = spec.model.catalogue_entry
    if variant.has_variable_lead and not spec.rollout.is_multi_step:
        fields.several(
            spec,
            "rollout.lead_hours",
            "Lead times (h)",
            "Each sample has one of them, and the model is told which. The data needs times that "
            "far apart.",
            LEADS,
            placeholder=f"{spec.lead_hours} h alone",
        )
    if variant.id == "v1.5-ensemble":
        fields.integer(
            spec,
            "rollout.members",
            "Members",
            "Forecasts of each sample, with noise of their own. From two on the loss is the fair "
            "CRPS, which rewards members that differ as much as they err. Each takes the memory "
            "of one.",
            minimum=1,
        )
    if spec.model.has_package_lora:
        fields.choice(
            spec,
            "model.lora_mode",
            "LoRA of the model acts",
            "From the second step on it leaves the first step of a forecast as it was.",
            list(LORA_MODES),
            show=LORA_MODES.__getitem__,
        )


def _chart(spec: RunSpec) -> None:
    total = total_steps(spec)
    if total is None:
        return
    rollout = spec.rollout
    firsts = (0, *(until for until, _ in rollout.curriculum))
    stages = [(first, rollout.steps_at(first)) for first in firsts]
    figure = forecast_length_figure(stages, total_steps=total, lead_hours=spec.lead_hours)
    live_chart(figure, key="forecast-length", height=_HEIGHT)


def _length(spec: RunSpec, steps: int) -> str:
    hours = steps * spec.lead_hours
    return f"{hours / 24:g} days" if hours % 24 == 0 and hours > 24 else f"{hours} h"
