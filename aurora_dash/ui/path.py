"""How far along the guided path a draft or a run is, and the step from one page to the next."""

from __future__ import annotations

from aurora_dash.evaluation.job import EvaluationState, list_evaluations
from aurora_dash.runs.store import Run
from aurora_dash.ui import editor, navigation, runs_view

_SET_UP = frozenset({"model", "data", "variables", "train"})
_OF_A_RUN = frozenset({"monitor", "evaluate"})


def done_steps(here: str) -> frozenset[str]:
    """Steps that are done, seen from a page: those of the draft, or of the run it shows."""
    if here in _OF_A_RUN:
        run = runs_view.selected_run()
        return _done_by(run) if run else frozenset()
    return editor.current().passed


def _done_by(run: Run) -> frozenset[str]:
    done = _SET_UP
    if not run.status().is_live:
        done |= {"monitor"}
    if any(e.state is EvaluationState.COMPLETED for e in list_evaluations(run)):
        done |= {"evaluate"}
    return done


def foot(here: str, *, ready: bool = True) -> None:
    """The foot of a set-up page: the way back and the way on; going on saves the draft."""
    if navigation.way_on(here, ready=ready):
        editor.saved()
        if ready:
            editor.mark_passed(here)
        keys = [step.key for step in navigation.STEPS]
        navigation.go_to(keys[keys.index(here) + 1])
