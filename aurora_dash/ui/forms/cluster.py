"""The Train page's download of a job for a cluster: its scheduler, and what that must know."""

from __future__ import annotations

import hashlib

import streamlit as st

from aurora_dash.runs.cluster import WRITERS
from aurora_dash.runs.cluster.job import Job, Site
from aurora_dash.runs.store import new_id
from aurora_dash.spec import RunSpec
from aurora_dash.ui.boundary import errors_shown, plain

_TITLES = {"slurm": "SLURM", "kubernetes": "Kubernetes (PyTorchJob)"}
_FIELDS = {
    "slurm": {
        "runs": ("Folder of runs there", "On a disk that all its nodes share."),
        "account": ("Account", "Who pays; empty where nobody asks."),
        "partition": ("Partition", "Which queue; empty for the usual one."),
        "time": ("Time limit", "Such as 24:00:00."),
        "memory": ("Memory of a node", "Such as 64G."),
        "setup": ("Set-up command", "Makes python the one with Aurora Dash."),
    },
    "kubernetes": {
        "image": ("Container image", "One with Aurora Dash."),
        "claim": ("Volume claim", "Holds runs and data."),
        "mount": ("Where it is mounted", "Runs are in its folder runs."),
        "namespace": ("Namespace", "Empty for the usual one."),
        "memory": ("Memory of a node", "Such as 64Gi."),
    },
}


def download(spec: RunSpec) -> None:
    """A form of what only the cluster's people know, and the script."""
    st.caption(
        "For a machine that is elsewhere: the script holds the whole specification, and submitted "
        "again it goes on with the same run. From a shell: `aurora-dash runs script`."
    )
    kind = st.segmented_control(
        "Scheduler", list(_TITLES), default="slurm", format_func=_TITLES.__getitem__, key="cluster"
    )
    if kind is None:
        return
    with errors_shown():
        script = WRITERS[kind](Job(spec, _run_id(spec), _site(kind)))
        for note in script.notes:
            st.caption(f":material/edit: {plain(note)}")
        st.download_button(
            f"Download {script.file_name.rpartition('.')[2]} file",
            script.text,
            file_name=script.file_name,
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            key=f"cluster-download-{kind}",
        )
        st.caption(f"Hand it in there with `{script.submit}`.")


def _run_id(spec: RunSpec) -> str:
    """The id of the new run: the same at every drawing of the page, another for another spec."""
    key = f"cluster-run-{hashlib.sha256(spec.to_json().encode()).hexdigest()}"
    run_id: str = st.session_state.setdefault(key, new_id(spec.name))
    return run_id


def _site(kind: str) -> Site:
    values = {}
    columns = st.columns(3)
    for number, (name, (label, help_text)) in enumerate(_FIELDS[kind].items()):
        with columns[number % len(columns)]:
            text = st.text_input(
                label, value=getattr(Site(), name), help=help_text, key=f"cluster-{kind}-{name}"
            )
        values[name] = text.strip()
    return Site(**values)
