"""The Model page's options of stability, memory and precision."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, fields, state
from aurora_dash.variables import Group

_AUTOCAST = f"{state.FIELD_PREFIX}model.autocast"
_CHECKPOINTING = f"{state.FIELD_PREFIX}model.activation_checkpointing"
HALF_PRECISION = {
    (False, False, False): "Nowhere",
    (False, True, False): "In the backbone",
    (False, False, True): "In the decoder",
    (False, True, True): "In backbone and decoder",
    (True, True, True): "In all parts",
}
WEIGHTS_DTYPES = {
    "float32": "In float32",
    "bfloat16": "In bfloat16, with float32 masters",
}
CHECKPOINTED = {
    "default": "All seven kinds of layers, as Aurora does: least memory",
    "stages": "The backbone's encoder and decoder layers",
    "stages+blocks": "These and the Swin blocks in them: with chunks, as little memory as all",
    "blocks": "The backbone's Swin blocks alone: quickest",
}
CHUNKS: dict[str | int, str] = {
    "off": "No, in one piece",
    "auto": "As many as the free memory asks for",
    **{number: f"{number} chunks" for number in (2, 4, 8, 16, 32)},
}


def options(spec: RunSpec) -> None:
    """Stability, memory and precision."""
    with st.expander("Stability, memory and precision", icon=":material/memory:"):
        fields.switch(
            spec,
            "model.stabilise_level_agg",
            "Stabilise level aggregation",
            "Adds normalisation where levels are aggregated: against exploding gradients.",
        )
        st.toggle(
            "Activation checkpointing",
            value=spec.model.activation_checkpointing,
            help="Recomputes activations in the backward pass: slower, with much less memory. "
            "The full model needs it at 0.25° on 80 GB.",
            key=_CHECKPOINTING,
            on_change=_toggle_checkpointing,
        )
        if spec.model.activation_checkpointing:
            fields.choice(
                spec,
                "model.checkpointed_layers",
                "What is recomputed",
                "More kinds of layers keep less memory. Fewer are quicker, where memory allows. "
                "The gradients are the same.",
                list(CHECKPOINTED),
                show=CHECKPOINTED.__getitem__,
            )
        fields.switch(
            spec,
            "model.offload_activations",
            "Keep activations in the host's memory",
            "What the backbone's backward pass needs leaves the GPU and comes back in time: little "
            "slower where the connection is quick. Saves most where the Swin blocks alone are "
            "recomputed; of no use on a CPU.",
        )
        fields.switch(
            spec,
            "model.compile",
            "Compile the Swin blocks",
            "Quicker steps on a GPU, the same results to rounding. The first step and the first "
            "validation take minutes longer; needs a C++ compiler on the training machine.",
        )
        _chunks(spec)
        _precision(spec)
        _added_parts(spec)
        fields.choice(
            spec,
            "model.use_lora",
            "LoRA",
            "Low-rank weights beside the backbone's own. As the variant has it, unless changed.",
            [None, True, False],
            show=lambda value: {None: "As the variant", True: "On", False: "Off"}[value],
        )


def _chunks(spec: RunSpec) -> None:
    now = spec.model.chunks
    fields.choice(
        spec,
        "model.chunks",
        "Encoder and decoder in chunks",
        "Bands of patch rows that run one after another and are recomputed in the backward pass: "
        "the same gradients with far less memory on large grids. At 0.25° and 13 levels with "
        "checkpointing, an estimated 64 GiB become 30, and 41 become 15 with LoRA alone; more than "
        "8 chunks save nothing further.",
        list(dict.fromkeys((*CHUNKS, now))),
        show=lambda chunks: CHUNKS.get(chunks, f"{chunks} chunks"),
    )


def _precision(spec: RunSpec) -> None:
    model = spec.model
    now = (model.autocast_encoder, model.autocast, model.autocast_decoder)
    st.selectbox(
        "bfloat16 (autocast)",
        list(HALF_PRECISION),
        index=list(HALF_PRECISION).index(now),
        format_func=HALF_PRECISION.__getitem__,
        help="Halves the activation memory of these parts on a GPU, at the cost of digits; no "
        "gain on a CPU. The encoder can't be in it alone: it would hand on numbers that the "
        "others can't take. Aurora's former bf16_mode held the weights in bfloat16 too, which "
        "spoiled gradients; the package took it out, and since 2.0 the name only means autocast "
        "of the backbone. V1.5 has all parts in it as soon as the backbone is.",
        key=_AUTOCAST,
        on_change=_choose_half_precision,
    )
    if model.has_autocast:
        fields.choice(
            spec,
            "model.weights_dtype",
            "Weights of these parts",
            "In bfloat16 they and their gradients take half the memory. The optimiser changes "
            "float32 masters of those that are trained, which checkpoints hold: together with "
            "steps in the host's memory that saves most.",
            list(WEIGHTS_DTYPES),
            show=WEIGHTS_DTYPES.__getitem__,
        )
    fields.switch(
        spec,
        "training.deterministic",
        "Deterministic algorithms",
        "Repeats a run digit by digit on a GPU too; slower, and an operation without such an "
        "algorithm ends the run. A CPU repeats it anyway.",
    )


def _added_parts(spec: RunSpec) -> None:
    left, right = st.columns(2)
    with left:
        fields.several(
            spec,
            "model.separate_perceiver",
            "Second Perceiver for",
            "Atmospheric variables that the decoder takes apart into levels by weights of their "
            "own, for those that behave otherwise than the rest, such as pollutants. With a "
            "checkpoint it begins as a copy of the first.",
            list(spec.names(Group.ATMOSPHERIC)),
            placeholder="None beyond the variant's own",
        )
    new = [v.name for v in spec.variables if v.group is not Group.STATIC]
    with right:
        fields.several(
            spec,
            "model.modulation_heads",
            "Modulation heads for",
            "New variables that are forecast as a change of their newest value, by a second head "
            "that scales it; Aurora's air-pollution model does so for its pollutants. Register "
            "the variables first.",
            new,
            placeholder="None" if new else "No new variable is registered",
        )


@boundary.guarded
def _choose_half_precision() -> None:
    encoder, backbone, decoder = st.session_state[_AUTOCAST]
    spec = editor.current().spec
    model = spec.model.replace(
        autocast_encoder=encoder,
        autocast=backbone,
        autocast_decoder=decoder,
        weights_dtype=spec.model.weights_dtype if encoder or backbone or decoder else "float32",
    )
    editor.store(spec.replace(model=model))


@boundary.guarded
def _toggle_checkpointing() -> None:
    wanted = st.session_state[_CHECKPOINTING]
    spec = editor.current().spec
    layers = spec.model.checkpointed_layers if wanted else "default"
    model = spec.model.replace(activation_checkpointing=wanted, checkpointed_layers=layers)
    editor.store(spec.replace(model=model))
