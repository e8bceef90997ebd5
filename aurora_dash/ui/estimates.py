"""The Train page's estimate of memory: what a run will need, against a device, and what helps.

Estimates are made by processes of their own, followed by a thread; a page only looks whether one
is there. What was found stays in the user's cache folder, for the command line too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import streamlit as st

from aurora_dash.data.findings import Finding
from aurora_dash.doctor import readiness
from aurora_dash.errors import DataError, SpecError
from aurora_dash.figures.budget import budget_figure
from aurora_dash.runs.alerts import Remedy
from aurora_dash.spec import RunSpec
from aurora_dash.training.memory.ask import estimate, known
from aurora_dash.training.memory.estimate import Estimate
from aurora_dash.training.memory.question import DeviceKind, Question, Shape
from aurora_dash.training.memory.savings import Fit, Saving, fit, savings
from aurora_dash.ui import boundary, editor, machine, opened, words
from aurora_dash.ui.boundary import plain
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.live_chart import live_chart
from aurora_dash.ui.tasks import tasks

_GIB = 2**30
_SECONDS_BETWEEN_LOOKS = 1.0
_HEIGHT = 240
_HERE = "This machine"
_CARDS = (16, 24, 32, 40, 48, 80)
_NAMES = {
    "parameters": "weights",
    "gradients": "gradients",
    "optimiser": "optimiser",
    "average": "average of weights",
    "batch": "samples and loss",
    "encoder": "encoder",
    "backbone": "backbone",
    "decoder": "decoder",
}
_phases: dict[Path, str] = {}
"""What the work under each key is doing."""

Ask = Callable[[RunSpec], Estimate]


def findings(spec: RunSpec) -> Iterator[Finding]:
    """A warning if an estimate that was made says that this machine's device is too small."""
    question, there = _question(spec, _HERE)
    found = known(question) if question else None
    if found is not None:
        yield from readiness.estimate_findings(found.needed_bytes, there)


def show(spec: RunSpec) -> None:
    """The estimate against a device, and buttons for what it can still tell."""
    card = st.selectbox(
        "Memory of",
        [_HERE, *(f"A GPU of {size} GiB" for size in _CARDS)],
        help="Against what the run is held: the device it would take here, or a card elsewhere.",
        key="estimate-card",
    )
    question, there = _question(spec, card)
    if question is None:
        st.caption("The grid can't be divided into patches: see what stands in the way below.")
        return
    work, key = tasks("estimate"), Path(question.digest())
    is_working = work.is_working(key)
    every = _SECONDS_BETWEEN_LOOKS if is_working else None
    with st.container(horizontal=True):
        for name, label, icon, task in (
            ("estimate", "Estimate", ":material/calculate:", _estimate),
            ("savings", "What would save memory", ":material/savings:", _savings),
            ("fit", "Make it fit", ":material/fit_screen:", _fit),
        ):
            st.button(
                label,
                icon=icon,
                disabled=is_working or (name != "estimate" and known(question) is None),
                on_click=_start,
                args=(task, key, spec, question, there),
                key=f"estimate-{name}",
            )
    st.fragment(_follow, run_every=every)(question, there, waited=is_working)


def _question(spec: RunSpec, card: str) -> tuple[Question | None, int]:
    """What is asked, None where the grid does not suit the model; and the bytes there are."""
    device, there = _device(spec, card)
    try:
        shape = Shape.of_data(part.dataset for part in opened.parts(spec))
    except DataError:
        shape = Shape.native(spec.model.catalogue_entry)
    try:
        return Question.of(spec, shape, device, there), there
    except SpecError:
        return None, there


def _device(spec: RunSpec, card: str) -> tuple[DeviceKind, int]:
    if card != _HERE:
        return "cuda", int(card.split()[-2]) * _GIB
    here = machine.summary()
    on_gpu = bool(here.gpus) and spec.training.device != "cpu"
    there = readiness.memory_of(spec.training.device, here) or here.memory_bytes
    return ("cuda" if on_gpu else "cpu"), there


@boundary.guarded
def _start(
    task: Callable[[RunSpec, int, Ask], object],
    key: Path,
    spec: RunSpec,
    question: Question,
    there: int,
) -> None:
    runs = run_store().root

    def ask(asked: RunSpec) -> Estimate:
        other = Question.of(asked, question.shape, question.device, there)
        return estimate(other, runs=runs, say=lambda phase: _phases.update({key: phase}))

    _phases[key] = "starting"
    tasks("estimate").start(key, lambda: task(spec, there, ask))


def _estimate(spec: RunSpec, _: int, ask: Ask) -> Estimate:
    return ask(spec)


def _savings(spec: RunSpec, _: int, ask: Ask) -> tuple[Saving, ...]:
    return savings(spec, ask)


def _fit(spec: RunSpec, there: int, ask: Ask) -> Fit:
    return fit(spec, there, ask)


def _follow(question: Question, there: int, *, waited: bool) -> None:
    with boundary.errors_shown():
        work, key = tasks("estimate"), Path(question.digest())
        if work.is_working(key):
            phase = _phases[key]
            st.caption(f":material/hourglass_top: {plain(phase[:1].upper() + phase[1:])}")
        elif waited:
            st.rerun()
        if problem := work.problem(key):
            boundary.show_error(problem)
        found = known(question)
        if found is None:
            st.caption(
                "Takes one step with tensors that have no memory: half a minute for a full model, "
                "without a GPU. The same from a shell: `aurora-dash estimate`."
            )
            return
        _draw(found, there)
        result: Any = work.result(key)
        if isinstance(result, tuple):
            _offer(result)
        elif isinstance(result, Fit):
            _offer_fit(result)


def _draw(found: Estimate, there: int) -> None:
    """The bar, and in words whether it fits."""
    needed, free = found.needed_bytes, there - found.needed_bytes
    said = f"A step needs **{words.size(needed)}** of {words.size(there)}"
    if free >= 0:
        st.success(f"{said}: {words.size(free)} to spare.", icon=":material/check_circle:")
    else:
        st.error(f"{said}: {words.size(-free)} too much.", icon=":material/error:")
    margin = "CUDA, fragments" if found.device == "cuda" else "process"
    parts = {_NAMES[part]: count for part, count in found.parts.items()}
    live_chart(
        budget_figure({**parts, margin: found.margin_bytes}, there),
        key="estimate-chart",
        height=_HEIGHT,
    )
    st.caption(
        f"{found.height} x {found.width} points, {words.several(found.num_levels, 'level')}, batch "
        f"{found.batch_size}; most is held while the {_NAMES[found.peak_part]} is at work."
    )


def _offer(found: tuple[Saving, ...]) -> None:
    """Each remedy with what it saves and costs, and a button that applies it."""
    if not found:
        st.caption("All that saves memory is on.")
    for saving in found:
        text, button = st.columns([5, 1], vertical_alignment="center")
        other = "" if saving.keeps_training else " · trains otherwise"
        text.markdown(
            f"**{plain(saving.remedy.label)}** · {_saved(saving.saved_bytes)} · "
            f"time {100 * saving.slowdown:+.0f} %{other}  \n{plain(saving.remedy.explanation)}"
        )
        button.button(
            "Apply",
            on_click=_apply,
            args=((saving.remedy,),),
            key=f"estimate-apply-{saving.remedy.key}",
            width="stretch",
        )


def _offer_fit(found: Fit) -> None:
    """What makes the run fit, and a button that applies all of it."""
    limit, needed = words.size(found.limit_bytes), words.size(found.after.needed_bytes)
    labels = ", ".join(plain(remedy.label) for remedy in found.remedies) or "nothing to change"
    if not found.fits:
        st.warning(
            f"Not even with {labels} does it fit in {limit}: {needed}. Train LoRA alone, take a "
            "smaller region or fewer levels.",
            icon=":material/warning:",
        )
    elif not found.remedies:
        st.caption("It fits as it is.")
        return
    else:
        st.info(
            f"It fits with: {labels}. Then a step needs {needed}; its time changes by "
            f"{100 * found.slowdown:+.0f} %.",
            icon=":material/fit_screen:",
        )
    if found.remedies:
        st.button("Apply all", on_click=_apply, args=(found.remedies,), key="estimate-apply-all")


@boundary.guarded
def _apply(remedies: tuple[Remedy, ...]) -> None:
    spec = editor.current().spec
    for remedy in remedies:
        spec = spec.with_overrides(remedy.assignments)
    editor.put(spec)


def _saved(count: int) -> str:
    return f"saves {words.size(count)}" if count >= 0 else f"takes {words.size(-count)} more"
