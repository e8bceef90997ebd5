"""The Model page's weights: where they come from."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.roots import configured_roots, resolve_inside_roots
from aurora_dash.errors import AuroraDashError, PathError
from aurora_dash.model.hub import cached_checkpoint
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, edits, fields, runs_view, state
from aurora_dash.ui.cache import run_store

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
_SOURCE = f"{state.FIELD_PREFIX}model.source"


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
