"""The Data page's Fetch section: what would be asked and how large it is, and what is under way."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.fetch.account import find_account
from aurora_dash.data.fetch.job import start_fetch
from aurora_dash.data.fetch.plan import FetchPlan, plan
from aurora_dash.data.fetch.request import FetchRequest
from aurora_dash.data.fetch.run import output_folder, request_stop
from aurora_dash.data.fetch.state import FetchStatus
from aurora_dash.data.roots import configured_roots
from aurora_dash.errors import AuroraDashError
from aurora_dash.runs.store import default_root
from aurora_dash.spec import HUB, RunSpec
from aurora_dash.ui import boundary, editor, state, widgets, words
from aurora_dash.ui.fetches import Fetch, FetchList
from aurora_dash.ui.forms import fetch as form

_LIVE_SECONDS = 1.0
_BOXES = {
    "failed": (st.error, ":material/error:"),
    "interrupted": (st.warning, ":material/power_off:"),
    "stopped": (st.info, ":material/stop_circle:"),
}


def section(spec: RunSpec) -> None:
    """The form with its estimate, and the fetches of this dashboard."""
    fetches = _fetches().all()
    live = any(fetch.is_live for fetch in fetches)
    with st.expander(
        "Fetch ERA5, CAMS, ARCO-ERA5 or WeatherBench 2",
        icon=":material/cloud_download:",
        expanded=bool(fetches),
        key="fetch.section",
    ):
        for fetch in fetches:
            _show(fetch, spec)
        _new(spec, live=live)


def _new(spec: RunSpec, *, live: bool) -> None:
    st.markdown(
        f"**Fetch for {spec.model.catalogue_entry.title}**: its variables, levels and, where the "
        "source has them, static fields."
    )
    try:
        asked = plan(form.request(spec))
        output_folder(asked.request.out, configured_roots())
    except AuroraDashError as error:
        st.warning(boundary.in_words(error), icon=":material/block:")
        return
    _estimate(asked)
    problem = _missing_key(asked.request)
    if problem is not None:
        st.warning(boundary.in_words(problem), icon=":material/key_off:")
    st.button(
        "Fetch",
        icon=":material/cloud_download:",
        type="primary" if not live else "secondary",
        disabled=problem is not None,
        help="Goes on in the background, also when this page is closed.",
        key="fetch.start",
        on_click=_start,
        args=(asked.request,),
    )


def _estimate(asked: FetchPlan) -> None:
    widgets.facts(
        [
            ("Times to fetch", f"{asked.num_times:,}"),
            ("Requests", f"{len(asked.pieces):,}"),
            ("On disk, about", words.size(asked.num_bytes)),
            ("Over the network", words.size(asked.transfer_bytes)),
        ]
    )
    elsewhere = asked.request.statics_elsewhere
    if elsewhere:
        names = ", ".join(elsewhere[:4]) + (" and more" if len(elsewhere) > 4 else "")
        st.caption(
            f"Not to be had there: {names}. The variant's published static file has them; it is "
            "chosen with the fetched data."
        )


def _missing_key(request: FetchRequest) -> AuroraDashError | None:
    if request.origin.is_zarr:
        return None
    try:
        find_account(request.source)
    except AuroraDashError as error:
        return error
    return None


def _show(fetch: Fetch, spec: RunSpec) -> None:
    with st.container(border=True, key=f"fetch-{fetch.id}"):
        request = fetch.request
        st.markdown(f"**{request.origin.title}** · {request.start} to {request.end}")
        st.code(request.out, language=None)
        if fetch.is_live:
            st.fragment(_follow, run_every=_LIVE_SECONDS)(fetch.id)
            return
        _outcome(fetch.status)
        with st.container(horizontal=True):
            _actions(fetch, spec)


def _outcome(status: FetchStatus | None) -> None:
    if status is None:
        st.info("It has not begun.", icon=":material/hourglass_empty:")
        return
    if status.state == "completed":
        st.success(
            f"All {status.pieces_total:,} requests are there. ATTRIBUTION.txt beside them holds "
            "source and licence.",
            icon=":material/check_circle:",
        )
        return
    box, icon = _BOXES[status.state]
    reason, remedy = boundary.plain(status.reason), boundary.plain(status.remedy)
    box(f"{reason}\n\n**What to do:** {remedy}" if remedy else reason, icon=icon)
    st.caption(f"{status.pieces_done} of {status.pieces_total} requests are there.")


def _actions(fetch: Fetch, spec: RunSpec) -> None:
    if fetch.status is not None and fetch.status.state == "completed":
        used = spec.data.source == "files" and spec.data.paths == (fetch.request.out,)
        st.button(
            "In use" if used else "Use this data",
            icon=":material/check:",
            type="primary" if not used else "secondary",
            disabled=used,
            key=f"fetch.use.{fetch.id}",
            on_click=_use,
            args=(fetch.id,),
        )
    else:
        st.button(
            "Resume",
            icon=":material/resume:",
            type="primary",
            help="Goes on where it stopped; nothing is submitted twice.",
            key=f"fetch.resume.{fetch.id}",
            on_click=_start,
            args=(fetch.request,),
        )
    st.button(
        "Take off the list",
        icon=":material/playlist_remove:",
        help="The files stay where they are.",
        key=f"fetch.forget.{fetch.id}",
        on_click=_forget,
        args=(fetch.id,),
    )


def _follow(identity: str) -> None:
    with boundary.errors_shown():
        fetch = _fetches().get(identity)
        if fetch is None or not fetch.is_live or fetch.status is None:
            st.rerun()
        st.progress(fetch.status.fraction_done, text=_progress_text(fetch.status))
        st.button(
            "Stop",
            icon=":material/stop:",
            help="Keeps what has arrived, and the requests in the store's queue.",
            key=f"fetch.stop.{identity}",
            on_click=_stop,
            args=(identity,),
        )


def _progress_text(status: FetchStatus) -> str:
    parts = [
        f"{status.pieces_done:,} / {status.pieces_total:,} requests",
        f"{words.size(status.bytes_done)} of about {words.size(status.bytes_expected)}",
    ]
    if status.queued or status.running:
        parts.append(f"{status.queued} queued, {status.running} running at the store")
    if status.seconds_left is not None:
        parts.append(f"about {words.duration(status.seconds_left)} left")
    if status.doing:
        parts.append(boundary.plain(status.doing))
    return " · ".join(parts)


@boundary.guarded
def _start(request: FetchRequest) -> None:
    folder = output_folder(request.out, configured_roots())
    asked = request.replace(out=str(folder))
    start_fetch(asked, roots=configured_roots())
    _fetches().remember(asked)


@boundary.guarded
def _stop(identity: str) -> None:
    fetch = _fetches().get(identity)
    if fetch is not None:
        request_stop(fetch.folder)


@boundary.guarded
def _forget(identity: str) -> None:
    _fetches().forget(identity)


@boundary.guarded
def _use(identity: str) -> None:
    fetch = _fetches().get(identity)
    if fetch is None:
        return
    spec = editor.current().spec
    changes = {"source": "files", "paths": (fetch.request.out,), "region": None, "levels": None}
    if fetch.request.statics_elsewhere and spec.data.static_file is None:
        changes["static_file"] = HUB
    editor.put(spec.replace(data=spec.data.replace(**changes)))
    state.flash("The fetched data is chosen for this draft.")


def _fetches() -> FetchList:
    return FetchList(default_root())
