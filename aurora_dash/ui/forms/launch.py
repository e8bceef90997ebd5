"""The Train page's last part: name, the whole spec, what stands in the way, and the launch."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.findings import Finding, launchable
from aurora_dash.runs.launch import LauncherName, launch, launchers_for
from aurora_dash.runs.provenance import Origin
from aurora_dash.spec import RunSpec
from aurora_dash.ui import editor, fields, navigation, state, widgets
from aurora_dash.ui.boundary import plain
from aurora_dash.ui.cache import run_store


def name(spec: RunSpec) -> None:
    """Name and notes, by which a person finds the run again."""
    first, second = st.columns([1, 2])
    with first:
        fields.text(
            spec, "name", "Name of the run", "Shown in lists and charts; also begins its folder."
        )
    with second:
        fields.text(
            spec,
            "notes",
            "Notes",
            "What you want to find out; kept with the run.",
            placeholder="Optional",
        )


def whole_spec(spec: RunSpec) -> None:
    """The spec as it will be saved with the run, to read and to take along."""
    with st.expander("The whole specification", icon=":material/data_object:"):
        st.caption(
            "This is all that defines the run. The same file trains from a shell: "
            "`aurora-dash train spec.json`."
        )
        st.download_button(
            "Download as JSON",
            spec.to_json(),
            file_name=f"{spec.name}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.code(spec.to_json(), language="json", height=420)


def check_list(findings: tuple[Finding, ...]) -> bool:
    """Say what stands in the way of a launch; True if nothing does."""
    refused = state.field_errors()
    for field, message in refused.items():
        st.error(f"The form holds a value that was not taken over ({field}): {message}")
    ready = launchable(findings) and not refused
    if ready:
        st.success("Nothing stands in the way of a launch.", icon=":material/check_circle:")
    widgets.findings(findings)
    return ready


WHERE = {
    LauncherName.THREAD: (
        "In this server",
        "Begins at once. When the server ends it is stopped and saved, and can be resumed.",
    ),
    LauncherName.PROCESS: (
        "In processes of its own",
        "They go on when the server ends, and leave it alone should CUDA crash. Some ten seconds "
        "more to begin.",
    ),
}


def where(spec: RunSpec) -> LauncherName | None:
    """Which launcher is to train it; None if none of this machine can."""
    possible = launchers_for(spec)
    if not possible:
        st.info(
            f"{spec.distributed.nodes} machines are started by a cluster's scheduler, not from "
            "here: download a script for it, or set one machine.",
            icon=":material/lan:",
        )
        return None
    if len(possible) == 1:
        st.caption(f"{spec.distributed.processes} processes of their own train it together.")
        return possible[0]
    options = {name.value: WHERE[name] for name in possible}
    usual = possible[0].value
    chosen = fields.described("Where it runs", options, usual, key="launcher", on_change=_nothing)
    return LauncherName(chosen)


def _nothing() -> None:
    """Where a run is trained is no part of its spec: nothing is saved before the launch."""


def foot(spec: RunSpec, launcher: LauncherName | None, *, ready: bool) -> None:
    """The way back, and the launch: it creates the run, starts it and goes to watch it."""
    with st.container(horizontal=True, horizontal_alignment="distribute", key="way-on"):
        if st.button("Variables", icon=":material/arrow_back:", key="back-train"):
            navigation.go_to("variables")
        pressed = st.button(
            "Launch",
            icon=":material/rocket_launch:",
            type="primary",
            disabled=not (ready and launcher),
            help="Creates the run's folder and trains in the background."
            if ready and launcher
            else "Mend what stands in the way first.",
            key="launch",
        )
    if pressed:
        run = run_store().create(spec, origin=editor.current().origin or Origin(kind="form"))
        launch(run, launcher)
        editor.mark_passed("train")
        editor.mark_launched(run.id)
        navigation.go_to("monitor", run=run.id)


def in_short(spec: RunSpec) -> None:
    """What will be trained, on one line, with its labels."""
    variant = spec.model.catalogue_entry
    weights = f"{spec.model.size}, random weights" if spec.model.is_random else spec.model.source
    data = "synthetic demo" if spec.is_demo else ", ".join(spec.data.paths)
    if spec.data.mix:
        data = f"a mix of {', '.join(part.name for part in spec.data.mix)}"
    new = ", ".join(v.name for v in spec.variables)
    parts = [f"{variant.title} ({weights})", data, f"new: {new}" if new else ""]
    st.caption(" · ".join(plain(part) for part in parts if part))
    widgets.show_labels(spec)
