"""Which run to judge, and the form of an evaluation."""

from __future__ import annotations

import streamlit as st

from aurora_dash.data.roots import configured_roots
from aurora_dash.evaluation.job import start_evaluation
from aurora_dash.evaluation.regions import REGIONS
from aurora_dash.evaluation.request import EvaluationRequest
from aurora_dash.runs.store import Run
from aurora_dash.spec import RunSpec
from aurora_dash.ui import boundary, runs_view, state, widgets
from aurora_dash.ui.cache import run_store
from aurora_dash.ui.judging import ask_data, ask_scores
from aurora_dash.ui.state import Selection

_SPLITS = {
    "validation": "The kept-back last part",
    "train": "The part trained on",
    "all": "All of it",
}


def choose_run() -> Run | None:
    """A run that has saved a checkpoint; None while there is none."""
    runs = {run.id: run for run in run_store().list() if runs_view.checkpoints(run)}
    if not runs:
        widgets.empty(
            "Nothing to judge yet",
            "A run can be judged once it has saved a checkpoint: when it ends, is stopped, or at "
            "Save now on the Monitor page.",
            icon=":material/public:",
        )
        return None
    selected = state.selected(Selection.RUN)
    if selected not in runs:
        if selected:
            st.info(
                f"The run {boundary.plain(selected)} has no checkpoint yet; another run is shown."
            )
        selected = next(iter(runs))
    titles = runs_view.choices(runs.values())
    chosen = st.selectbox(
        "Run",
        list(runs),
        index=list(runs).index(selected),
        format_func=titles.__getitem__,
        key=f"judged-{selected}",
        label_visibility="collapsed",
    )
    if chosen != state.selected(Selection.RUN):
        state.select(Selection.RUN, chosen)
        st.rerun()
    return runs[chosen]


def form(run: Run, *, expanded: bool) -> None:
    """What to judge, on what, against what; then start it."""
    spec = run.spec()
    opened = expanded or ask_scores.is_opened()
    with st.expander("New evaluation", icon=":material/add:", expanded=opened):
        first, second, third = st.columns(3)
        checkpoint = first.selectbox(
            "Checkpoint",
            ["best", "last", *runs_view.checkpoints(run)],
            help="Best has the lowest validation loss, last is the newest.",
            key="ask-checkpoint",
        )
        source = ask_data.source_box(second, "ask")
        split = third.selectbox(
            "Part of the data",
            list(_SPLITS) if source == ask_data.OWN and _keeps_back(spec) else ["all"],
            format_func=_SPLITS.__getitem__,
            help="The kept-back part tells what the model does on times it has not seen.",
            key=f"ask-split-{source}",
        )
        data = ask_data.more_fields(source, spec, "ask")
        leads, initial, regions = _more(spec)
        scoring = ask_scores.score_form(spec)
        if st.button(
            "Evaluate",
            icon=":material/play_arrow:",
            type="primary",
            disabled=scoring is None,
            key="ask",
        ):
            _start(
                run,
                {
                    "checkpoint": checkpoint,
                    **data,
                    "split": split,
                    "leads": leads,
                    "initial": initial,
                    "regions": tuple(regions) or ("global",),
                    **(scoring or {}),
                },
            )


def _keeps_back(spec: RunSpec) -> bool:
    return spec.data.has_validation_period or spec.data.validation_fraction > 0


def _more(spec: RunSpec) -> tuple[int, bool, list[str]]:
    first, second, third = st.columns(3)
    leads = first.number_input(
        f"Steps ahead ({spec.lead_hours} h each)",
        min_value=1,
        max_value=40,
        value=1,
        help="Every step takes the prediction before it as input: scores by lead time.",
        key="ask-leads",
    )
    regions = second.multiselect(
        "Regions",
        list(REGIONS),
        default=["global"],
        help="Scores are computed in each. Global means all of the grid.",
        key="ask-regions",
    )
    third.markdown("&nbsp;", width="stretch")
    initial = third.toggle(
        "Beside the checkpoint before fine-tuning",
        value=True,
        help="Makes the same forecasts with the weights that the run began with. Takes as long "
        "again.",
        key="ask-initial",
    )
    return int(leads), initial, regions


def _start(run: Run, fields: dict[str, object]) -> None:
    with boundary.errors_shown():
        request = EvaluationRequest.build({"run": run.id, **fields})
        climatology = None if request.climatology == "data" else request.climatology
        forecasts = (other.forecast for other in request.against)
        ask_data.require_readable(request, climatology, *forecasts)
        started = start_evaluation(run, request, roots=configured_roots())
        state.select(Selection.EVALUATION, started)
        st.rerun()
