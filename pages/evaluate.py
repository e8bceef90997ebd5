"""Evaluate & maps: score a checkpoint, look at prediction, target and error."""

from aurora_dash.ui import boundary, shell
from aurora_dash.ui.judging import ask, follow, forecasts, page

shell.heading("evaluate")
run = ask.choose_run()
if run is not None:
    evaluations = follow.all_of(run)
    ask.form(run, expanded=not evaluations)
    forecasts.section(run)
    chosen = follow.choose(run, evaluations)
    if chosen is None:
        follow.nothing_yet()
        page.stored_forecasts(run)
    elif follow.progress(run, chosen):
        with boundary.errors_shown():
            page.results(run, chosen.id)
