"""The Monitor's export: writes a checkpoint for use elsewhere, and sends it to the hub if asked."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.store import Run
from aurora_dash.ui import boundary, words
from aurora_dash.ui.tasks import tasks

EXPORT, PUSH = "export", "push"
_SECONDS = 1.0


def exported(run: Run) -> list[Path]:
    """The checkpoints that were exported of a run, those under way left out."""
    found = run.export_folder.glob("*.ckpt")
    return sorted(path for path in found if not path.name.startswith("."))


def popover(run: Run, checkpoints: list[str]) -> None:
    """Choose a checkpoint and export it; what was exported, with its path; send it to the hub."""
    with st.popover("Export", icon=":material/file_export:"):
        st.markdown(
            "Writes the weights, LoRA merged, as one file that plain `aurora` loads, with a model "
            "card and a description beside it. A full-size file takes 5 GB."
        )
        chosen = st.selectbox(
            "Checkpoint",
            ["best", "last", *checkpoints],
            help="Best is the one with the lowest validation loss, last the newest.",
            key="export-checkpoint",
        )
        working = tasks(EXPORT).is_working(run.folder)
        if st.button("Export this checkpoint", type="primary", disabled=working, key="export"):
            tasks(EXPORT).start(run.folder, lambda: _export(run, chosen))
        _follow(run, EXPORT, "Exporting; this takes a minute for a large model.")
        for path in exported(run):
            st.caption(words.size(path.stat().st_size))
            st.code(str(path), language=None)
        if exported(run):
            _push(run)


def _push(run: Run) -> None:
    st.markdown("**Send to the Hugging Face hub**")
    files = {path.name: path for path in exported(run)}
    name = st.selectbox("File", list(files), key="push-file")
    repository = st.text_input(
        "Repository",
        placeholder="you/aurora-norway",
        help="Your name or organisation, a slash, and a name. Made if it is not there. The "
        "checkpoint, its card and its description are sent; folders of this machine are left out.",
        key="push-repository",
    )
    private = st.toggle(
        "Private", value=True, help="Only you see a repository made now.", key="push-private"
    )
    working = tasks(PUSH).is_working(run.folder)
    if st.button("Push to the hub", disabled=working, icon=":material/cloud_upload:", key="push"):
        tasks(PUSH).start(run.folder, lambda: _send(files[name], repository.strip(), private))
    _follow(run, PUSH, "Sending; 5 GB take some minutes.")
    address = tasks(PUSH).result(run.folder)
    if address is not None:
        st.success(f"Sent to {address}", icon=":material/cloud_done:")


def _follow(run: Run, name: str, caption: str) -> None:
    """Say that it is under way until it is not; then why it failed, if it did."""
    if tasks(name).is_working(run.folder):
        st.fragment(_wait, run_every=_SECONDS)(run.folder, name, caption)
    problem: AuroraDashError | None = tasks(name).problem(run.folder)
    if problem is not None:
        boundary.show_error(problem)


def _wait(folder: Path, name: str, caption: str) -> None:
    if not tasks(name).is_working(folder):
        st.rerun()
    st.caption(f":material/hourglass_top: {caption}")


def _export(run: Run, checkpoint: str) -> str:
    # Imports PyTorch, which pages never do.
    from aurora_dash.evaluation.export import default_path, export_run

    return str(export_run(run, default_path(run, checkpoint), checkpoint).checkpoint)


def _send(checkpoint: Path, repository: str, private: bool) -> str:
    from aurora_dash.evaluation.push import push_export

    return push_export(checkpoint, repository, private=private).url
