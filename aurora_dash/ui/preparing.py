"""The Data page's Prepare view: the chosen data as a training store, written in the background."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import streamlit as st

from aurora_dash.data.findings import launchable
from aurora_dash.data.open import OpenedData
from aurora_dash.data.roots import configured_roots, resolve_inside_roots
from aurora_dash.data.store.codec import Codec
from aurora_dash.data.store.job import (
    PrepareState,
    PrepareStatus,
    cancel_preparation,
    read_status,
    start_preparing,
)
from aurora_dash.data.store.prepare import codec_of
from aurora_dash.data.store.store import TrainingStore, open_store, prepared_store
from aurora_dash.errors import DataError, PathError
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, editor, opened, state, widgets, words
from aurora_dash.ui.cache import run_store

_LIVE_SECONDS = 0.7
_STORE = "store"
_REPLACE = "store-replace"
_CODECS: dict[Codec, str] = {
    "lz4": "Compressed (lz4): half the disk space, and faster unless the disk is very fast",
    "none": "Not compressed: less work for the processor, twice the disk space",
}
_DISK_FRACTIONS: dict[Codec, float] = {"lz4": 0.6, "none": 1.0}


def prepare(spec: RunSpec) -> None:
    """Where the store is to lie, a button, how far it is, and how to train on it."""
    in_use = prepared_store(spec.data.paths, configured_roots())
    if in_use is not None:
        _in_use(in_use)
        return
    try:
        data = opened.opened(spec)
    except DataError:
        widgets.empty(
            "Nothing to prepare yet",
            "The data can't be opened; the view Check says why.",
            icon=":material/inventory_2:",
        )
        return
    st.markdown(
        "A training store holds what the model takes of this data, a chunk a time step: a run on "
        "it reads at the speed of the disk. It can be brought up to date at any time, and then "
        "only what was added or changed is written."
    )
    try:
        folder = _folder(spec)
        codec = _codec(folder)
    except (DataError, PathError) as error:
        boundary.show_error(error)
        return
    _facts(data, codec)
    status = read_status(folder)
    if status is not None and status.is_live:
        st.fragment(_progress, run_every=_LIVE_SECONDS)(folder)
        return
    _button(spec, folder, codec, status)
    if status is not None:
        _ended(spec, folder, status)


def _facts(data: OpenedData, codec: Codec) -> None:
    dataset = data.dataset
    widgets.facts(
        [
            ("Times", f"{dataset.sizes.get('time', 0):,}"),
            ("In memory", words.size(dataset.nbytes)),
            ("On disk, about", words.size(_DISK_FRACTIONS[codec] * dataset.nbytes)),
        ]
    )


def _folder(spec: RunSpec) -> Path:
    name = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()).strip("-") or "store"
    typed = st.text_input(
        "Folder of the store",
        value=str(run_store().root.resolve().parent / "stores" / name),
        help="On the machine that runs this dashboard. A store that is there already is brought "
        "up to date.",
        key=_STORE,
        bind="query-params",
    )
    return resolve_inside_roots(typed, configured_roots()).absolute()


def _codec(folder: Path) -> Codec:
    codecs = list(_CODECS)
    return st.radio(
        "Fields on disk",
        codecs,
        index=codecs.index(codec_of(folder)),
        format_func=_CODECS.__getitem__,
        help="Nothing is lost either way, and checksums are verified on every reading.",
        # Another folder may hold a store that is packed in another way.
        key=f"store-codec:{folder}",
    )


def _button(spec: RunSpec, folder: Path, codec: Codec, status: PrepareStatus | None) -> None:
    goes_on = status is not None and status.state in (
        PrepareState.STOPPED,
        PrepareState.INTERRUPTED,
    )
    is_there = status is not None and status.state is PrepareState.COMPLETED
    label = "Go on" if goes_on else "Bring up to date" if is_there else "Prepare"
    ready = launchable(opened.findings(spec))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            label,
            type="secondary" if is_there else "primary",
            icon=":material/inventory_2:",
            disabled=not ready,
            help=None if ready else "The view Check says what stands in the way.",
            key="prepare-store",
            on_click=_start,
            args=(spec, folder, codec),
        )
        if status is not None:
            st.checkbox(
                "Begin anew if it holds other variables, levels, another grid or compression",
                key=_REPLACE,
            )


@boundary.guarded
def _start(spec: RunSpec, folder: Path, codec: Codec) -> None:
    replace = bool(st.session_state.get(_REPLACE, False))
    start_preparing(spec, folder, roots=configured_roots(), codec=codec, replace=replace)


def _progress(folder: Path) -> None:
    with boundary.errors_shown():
        status = read_status(folder)
        if status is None or not status.is_live:
            st.rerun()
        st.progress(status.fraction_done or 0.0, text=progress_text(status))
        st.button(
            "Stop",
            icon=":material/stop:",
            help="Stops before the next times; what is written stays, to go on from.",
            key="stop-preparing",
            on_click=_stop,
            args=(folder,),
        )


def progress_text(status: PrepareStatus) -> str:
    """How far a preparation is, on one line."""
    if not status.total:
        return "Opening the data"
    parts = [f"{status.done:,} / {status.total:,} times"]
    if status.done and status.bytes_per_second:
        parts.append(f"{words.size(status.bytes_per_second)}/s")
    if status.seconds_left is not None:
        parts.append(f"{words.duration(status.seconds_left)} left")
    return " · ".join(parts)


@boundary.guarded
def _stop(folder: Path) -> None:
    cancel_preparation(folder)


def _ended(spec: RunSpec, folder: Path, status: PrepareStatus) -> None:
    """What became of the last preparation; of a whole store, how to train on it."""
    reason, remedy = boundary.plain(status.reason), boundary.plain(status.remedy)
    text = f"{reason}\n\n**What to do:** {remedy}" if remedy else reason
    if status.state is PrepareState.COMPLETED:
        with boundary.errors_shown():
            _whole(spec, open_store(folder), status)
    elif status.state is PrepareState.FAILED:
        st.error(text, icon=":material/error:")
    elif status.state is PrepareState.INTERRUPTED:
        st.warning(text, icon=":material/power_off:")
    else:
        st.info(text, icon=":material/stop_circle:")


def _whole(spec: RunSpec, store: TrainingStore, status: PrepareStatus) -> None:
    wrote = f"{words.several(status.total, 'time')} written" if status.total else "nothing to do"
    st.success(
        f"The store is whole: {store.times.size:,} times ({wrote}).",
        icon=":material/check_circle:",
    )
    st.button(
        "Train on this store",
        type="primary",
        icon=":material/bolt:",
        help="Names the store as the data of this draft, in place of the files.",
        key="use-store",
        on_click=_use,
        args=(spec, store.folder),
    )


@boundary.guarded
def _use(spec: RunSpec, folder: Path) -> None:
    editor.put(spec.replace(data=spec.data.replace(source="files", paths=(str(folder),))))
    state.flash(f"Runs of this draft read the prepared data in {boundary.plain(str(folder))}.")


def _in_use(folder: Path) -> None:
    """What the store that is the chosen data was made from."""
    with boundary.errors_shown():
        store = open_store(folder)
        made = store.manifest.provenance
        st.success(
            f"The chosen data is a training store: {boundary.plain(folder.name)}.",
            icon=":material/bolt:",
        )
        widgets.facts(
            [
                ("Times", f"{store.times.size:,}"),
                ("In memory", words.size(store.layout.step_bytes() * store.times.size)),
                ("Files it was made from", f"{len(made.sources):,}"),
            ]
        )
        moment = words.moment(datetime.fromisoformat(made.updated))
        st.caption(f"Prepared {moment}. {boundary.plain(made.attribution)}")
        with st.expander("What was done to the data on the way in", icon=":material/history:"):
            for line in made.done:
                st.markdown(f"- {boundary.plain(line)}")
        st.caption(
            "To add times, name the original files above and prepare them into the same folder."
        )
