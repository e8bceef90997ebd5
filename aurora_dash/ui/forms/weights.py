"""The Model page's weights: where they come from, and options of stability and memory."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.roots import configured_roots, resolve_inside_roots
from aurora_dash.errors import AuroraDashError, PathError
from aurora_dash.model.hub import cached_checkpoint
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, fields, runs_view, state
from aurora_dash.ui.cache import run_store
from aurora_dash.variables import Group

_AUTOCAST = f"{state.FIELD_PREFIX}model.autocast"
_CHECKPOINTING = f"{state.FIELD_PREFIX}model.activation_checkpointing"
SOURCES = {
    "random": ("Random weights", "No download. Shows the way and tests data; forecasts nothing."),
    "hub": ("Hugging Face hub", "Downloads the published checkpoint once and keeps it."),
    "file": ("Local file", "A checkpoint that lies on this machine; works offline."),
    "run": ("Earlier run", "Goes on from a checkpoint that a run here has saved."),
}
SIZES = {
    "tiny": "Tiny: 1.6 M parameters; a step takes a fraction of a second on a CPU",
    "small": "Small: 113 M parameters; 1 to 3 s a step on a CPU",
    "full": "Full: as large as the checkpoint (see its card); wants a GPU",
}


HALF_PRECISION = {
    (False, False, False): "Nowhere",
    (False, True, False): "In the backbone",
    (False, False, True): "In the decoder",
    (False, True, True): "In backbone and decoder",
    (True, True, True): "In all parts",
}
_SOURCE = f"{state.FIELD_PREFIX}model.source"
CHECKPOINTED = {
    "default": "All seven kinds of layers, as Aurora does: least memory",
    "stages": "The backbone's encoder and decoder layers",
    "blocks": "The backbone's Swin blocks alone: quickest",
}


def source(spec: RunSpec) -> None:
    """Where the weights come from, with what that source needs."""
    chosen = fields.described(
        "Weights", SOURCES, spec.model.source, key=_SOURCE, on_change=_choose_source
    )
    {"random": _random, "hub": _hub, "file": _file, "run": _run}[chosen](spec)


def _random(spec: RunSpec) -> None:
    fields.choice(
        spec,
        "model.size",
        "Size",
        "Width and depth of the network. Real checkpoints are always full size.",
        list(SIZES),
        show=SIZES.__getitem__,
    )


def _hub(spec: RunSpec) -> None:
    variant = spec.model.catalogue_entry
    name = f"`{variant.filename}` ({variant.size_gib:.2f} GiB)"
    if cached_checkpoint(variant) is not None:
        st.success(f"{name} is on this disk already.", icon=":material/download_done:")
        return
    st.info(
        f"{name} is downloaded from `{variant.repository}` when the run starts, once; later runs "
        "take it from this disk. Without internet choose a local file.",
        icon=":material/download:",
    )


def _file(spec: RunSpec) -> None:
    st.text_input(
        "Checkpoint file",
        value=spec.model.path or "",
        placeholder="/data/checkpoints/aurora-0.25-pretrained.ckpt",
        help="Path on the machine that runs this dashboard, within its configured folders.",
        key=f"{state.FIELD_PREFIX}model.path",
        on_change=_choose_file,
    )
    message = state.field_errors().get("model.path")
    if message:
        st.error(message, icon=":material/error:")
    elif spec.model.source != "file":
        st.info("Type the checkpoint's path, then press Enter.", icon=":material/edit:")


def _run(spec: RunSpec) -> None:
    runs = [run for run in run_store().list() if runs_view.checkpoints(run)]
    if not runs:
        st.info(
            "No run here has saved a checkpoint yet. Train one first, or choose another source.",
            icon=":material/info:",
        )
        return
    ids = [run.id for run in runs]
    left, right = st.columns(2)
    with left:
        chosen = st.selectbox(
            "Run",
            ids,
            index=ids.index(spec.model.run) if spec.model.run in ids else None,
            placeholder="Choose a run",
            help="A run in this dashboard's folder that has saved a checkpoint.",
            key=f"{state.FIELD_PREFIX}model.run",
            on_change=_choose_run,
        )
    if chosen:
        names = ["best", "last", *runs_view.checkpoints(runs[ids.index(chosen)])]
        with right:
            fields.choice(
                spec,
                "model.checkpoint",
                "Checkpoint",
                "Best is the one with the lowest validation loss, last the newest.",
                names,
            )


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
        autocast_encoder=encoder, autocast=backbone, autocast_decoder=decoder
    )
    editor.store(spec.replace(model=model))


@boundary.guarded
def _toggle_checkpointing() -> None:
    wanted = st.session_state[_CHECKPOINTING]
    spec = editor.current().spec
    layers = spec.model.checkpointed_layers if wanted else "default"
    model = spec.model.replace(activation_checkpointing=wanted, checkpointed_layers=layers)
    editor.store(spec.replace(model=model))


@boundary.guarded
def _choose_source() -> None:
    chosen = st.session_state[_SOURCE]
    spec = editor.current().spec
    # A source that still lacks its file or run is taken over once that is given.
    complete = chosen in ("random", "hub") or getattr(
        spec.model, {"file": "path", "run": "run"}[chosen]
    )
    if complete:
        editor.store(edits.choose_source(spec, chosen))


@boundary.guarded
def _choose_file() -> None:
    typed = st.session_state[f"{state.FIELD_PREFIX}model.path"].strip()
    errors = state.field_errors()
    errors.pop("model.path", None)
    if not typed:
        errors["model.path"] = "Type the path of a checkpoint file."
        return
    try:
        path = resolve_file(typed)
    except AuroraDashError as error:
        errors["model.path"] = str(error)
        return
    editor.store(edits.choose_source(editor.current().spec, "file", path=path))


@boundary.guarded
def _choose_run() -> None:
    chosen = st.session_state[f"{state.FIELD_PREFIX}model.run"]
    editor.store(edits.choose_source(editor.current().spec, "run", run=chosen))


def resolve_file(typed: str) -> str:
    """The file that was typed, within the configured folders; `PathError` otherwise."""
    path = resolve_inside_roots(typed, configured_roots())
    if not path.is_file():
        raise PathError(f"{path} is not a file.", remedy="Give the path of a .ckpt or .pt file.")
    return str(path)
