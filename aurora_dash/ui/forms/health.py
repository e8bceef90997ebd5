"""The Train page's expander on health: which signs of trouble are watched for, and what follows."""

from __future__ import annotations

import streamlit as st

from aurora_dash.spec import RunSpec
from aurora_dash.spec.health import RuleSpec
from aurora_dash.ui import fields

_ACTIONS = {
    "alert": "Alert",
    "stop": "Alert and stop",
    "off": "Off",
}
_TITLES = {
    "exploding_gradient": "Exploding gradients",
    "loss_spike": "Loss spike",
    "plateau": "Plateau",
    "overfitting": "Overfitting",
    "dead_variable": "Dead new variable",
    "throughput": "Slow steps",
    "data_wait": "Waiting for data",
    "memory": "Memory nearly used up",
    "disk": "Disk nearly full",
}
_THRESHOLDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "exploding_gradient": (
        ("factor", "Times its calmest level", "How far above its calmest level the norm must be."),
        ("window", "Window (steps)", "Over how many steps a level is taken."),
    ),
    "loss_spike": (
        ("factor", "Times its lowest level", "How far above its lowest level the loss must be."),
        ("deviations", "Deviations above it", "And how many robust standard deviations above."),
        ("window", "Window (steps)", "Over how many steps a level is taken."),
    ),
    "plateau": (
        ("window", "Window (steps)", "Its second half is compared with its first."),
        ("improvement", "Least improvement", "Fraction by which the second must be lower."),
    ),
    "overfitting": (
        ("rise", "Rise above the best", "Fraction by which the validation loss must rise."),
        ("validations", "Validations in a row", "In how many of them it must be so high."),
    ),
    "dead_variable": (
        ("steps", "Steps", "After how many steps its loss must have fallen."),
        ("improvement", "Least improvement", "By what fraction of its first level."),
    ),
    "throughput": (
        ("factor", "Times the fastest pace", "How much longer than at its fastest a step takes."),
        ("window", "Window (steps)", "Over how many steps the pace is taken."),
    ),
    "data_wait": (
        ("share", "Share of the time", "What part of the time may go by waiting."),
        ("window", "Window (steps)", "Over how many steps it is taken."),
    ),
    "memory": (("share", "Share of the memory", "Of the device, and of the machine."),),
    "disk": (("free_gib", "Least room (GiB)", "Two more checkpoints must fit in any case."),),
}
_SMALL_STEP = 0.05


def rules(spec: RunSpec) -> None:
    """A row a rule: what it watches for, what follows, and from where on."""
    st.caption(
        "Alerts stand on Monitor, on its charts and in the run's events, each with remedies that "
        "one click applies. A loss or gradient that is not finite always ends a run before the "
        "weights are damaged. If the server's environment names a webhook (AURORA_DASH_WEBHOOK), "
        "alerts and ends of runs are sent there."
    )
    for name, settings in spec.health.rules():
        _rule(spec, name, settings)
    fields.integer(
        spec,
        "health.calm_steps",
        "An alert is over after (steps)",
        "So many steps without its sign; a sign that comes and goes is told ever more rarely.",
        minimum=1,
    )


def _rule(spec: RunSpec, name: str, settings: RuleSpec) -> None:
    title, action, *places = st.columns([3, 2, 2, 2, 2], vertical_alignment="bottom")
    with title:
        text = (type(settings).__doc__ or "").splitlines()[0]
        st.markdown(f"**{_TITLES[name]}**  \n:small[{text}]")
    with action:
        fields.choice(
            spec,
            f"health.{name}.action",
            "What follows",
            "Alert and stop saves a checkpoint and ends the run, with the alert as its reason.",
            list(_ACTIONS),
            show=_ACTIONS.__getitem__,
        )
    if settings.action == "off":
        return
    for place, (field, label, help) in zip(places, _THRESHOLDS[name], strict=False):
        with place:
            _threshold(spec, f"health.{name}.{field}", getattr(settings, field), label, help)


def _threshold(spec: RunSpec, field: str, value: float, label: str, help: str) -> None:
    if isinstance(value, int):
        fields.integer(spec, field, label, help, minimum=1)
    else:
        fields.decimal(
            spec, field, label, help, minimum=0.0, step=_SMALL_STEP if value < 1 else 1.0
        )
