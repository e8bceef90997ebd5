"""What this machine offers, in one row of facts."""

from __future__ import annotations

import streamlit as st

from aurora_dash.doctor import MachineSummary, machine_summary
from aurora_dash.doctor.readiness import device_names
from aurora_dash.ui import boundary, lifecycle, navigation, widgets, words
from aurora_dash.ui.lifecycle import WarmUpState

_SECONDS_BETWEEN_LOOKS = 2.0


@st.cache_data(ttl=60, show_spinner=False)
def summary() -> MachineSummary:
    """What the machine offers; looked at once a minute at most."""
    return machine_summary()


def facts(*, with_link: bool = True) -> None:
    """Device, memory and versions, whether PyTorch is loaded yet, and the way to the doctor."""
    machine = summary()
    st.subheader("This machine", anchor=False)
    with st.container(border=True, gap="xsmall"):
        widgets.facts(
            [
                ("Computes on", _device(machine)),
                ("Memory", _memory(machine)),
                ("PyTorch", machine.versions.get("torch", "not installed")),
                ("Aurora", machine.versions.get("microsoft-aurora", "not installed")),
            ]
        )
        st.caption(
            f"{machine.cpu}, {words.several(machine.num_cores, 'core')}, Python {machine.python}. "
            f"{_advice(machine)}"
        )
        if with_link:
            navigation.link("doctor", "Examine this machine", icon=":material/stethoscope:")
        loading = lifecycle.warm_up().state is WarmUpState.LOADING
        st.fragment(_readiness, run_every=_SECONDS_BETWEEN_LOOKS if loading else None)()


def devices() -> list[str]:
    """Values for a run's device on this machine."""
    return device_names(summary())


def _device(machine: MachineSummary) -> str:
    return machine.gpus[0].name if machine.gpus else f"CPU, {machine.num_cores} cores"


def _memory(machine: MachineSummary) -> str:
    if machine.gpus and machine.gpus[0].memory_bytes:
        return f"{words.size(machine.gpus[0].memory_bytes)} GPU"
    return words.size(machine.memory_bytes)


def _advice(machine: MachineSummary) -> str:
    if machine.gpus:
        more = f" {len(machine.gpus)} GPUs; a run uses one." if len(machine.gpus) > 1 else ""
        return f"Driver {machine.gpus[0].driver}.{more}"
    return "No NVIDIA GPU was found: tiny and small models train well, full-size ones need a GPU."


def _readiness() -> None:
    warm_up = lifecycle.warm_up()
    with boundary.errors_shown():
        if warm_up.state is WarmUpState.LOADING:
            st.caption(
                ":material/hourglass_top: PyTorch and Aurora are being loaded in the background; "
                "this takes some ten seconds, once. You can go on meanwhile."
            )
        elif warm_up.state is WarmUpState.READY:
            st.caption(":green[:material/check:] PyTorch and Aurora are loaded and ready.")
        elif warm_up.state is WarmUpState.FAILED:
            st.error(
                f"PyTorch or Aurora can't be loaded: {boundary.plain(warm_up.reason)}\n\n"
                "**What to do:** run `aurora-dash doctor`, which says what is wrong and how to "
                "mend it.",
                icon=":material/error:",
            )
