"""``aurora-dash lr-test`` and ``aurora-dash weights``: what the data says about settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dash.cli.options import (
    Commands,
    add_runs_option,
    add_spec_options,
    add_user_code_option,
    changed,
    find_spec,
    store_of,
)
from aurora_dash.cli.output import Answer, number
from aurora_dash.errors import PathError

if TYPE_CHECKING:
    from aurora_dash.training.lr_range import RangeTest

_LR_MORE = """\
Trains for some steps at learning rates that rise from the lowest to the highest, and tells at
which the loss falls and at which it diverges. Nothing is kept of the weights, no run is made. With
--out a chart (.html) is written. --json gives rates, losses, smoothed, suggestion and reason.
"""
_WEIGHTS_MORE = """\
The weight of a new variable in the loss is its standard deviation over the mean absolute error of
persistence, as in the Aurora paper, measured on up to 64 samples of the training period. Set it
with --set 'loss.weights={"tcwv": 2.5}'.
"""


def register(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add(
        "lr-test", lr_test, help="find a learning rate by trying rising ones", more=_LR_MORE
    )
    parser.add_argument("spec", metavar="SPEC", help="spec file, preset or run id")
    parser.add_argument("--steps", type=int, default=100, metavar="N", help="rates to try (100)")
    parser.add_argument("--lowest", type=float, default=1e-7, metavar="LR", help="first (1e-7)")
    parser.add_argument("--highest", type=float, default=1.0, metavar="LR", help="last (1)")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="write the chart")
    add_spec_options(parser)
    add_user_code_option(parser)
    add_runs_option(parser)
    parser = commands.add(
        "weights", weights, help="suggest weights of new variables in the loss", more=_WEIGHTS_MORE
    )
    parser.add_argument("spec", metavar="SPEC", help="spec file, preset or run id")
    add_spec_options(parser)
    add_runs_option(parser)


def lr_test(options: argparse.Namespace) -> Answer:
    """Try rising learning rates."""
    if options.out is not None and options.out.suffix != ".html":
        raise PathError(f"--out {options.out}: the chart is an .html file.")
    from aurora_dash.training.lr_range import range_test

    store = store_of(options)
    found = range_test(
        changed(find_spec(options.spec, store), options),
        store=store,
        lowest=options.lowest,
        highest=options.highest,
        num_steps=options.steps,
        progress=_say,
    )
    if options.out is not None:
        _write_chart(options.out, found)
    suggested = "none" if found.suggestion is None else number(found.suggestion)
    text = f"suggested learning rate: {suggested}\n{found.reason}"
    return Answer(document=found.to_dict(), text=text)


def _say(done: int, total: int) -> None:
    if done % 10 == 0:
        sys.stderr.write(f"step {done} of {total}\n")


def _write_chart(path: Path, found: RangeTest) -> None:
    from aurora_dash.figures.tuning import lr_range_figure

    figure = lr_range_figure(found.rates, found.losses, found.smoothed, found.suggestion)
    try:
        figure.write_html(path, include_plotlyjs=True)
    except OSError as error:
        raise PathError(f"Can't write {path}: {error.strerror}.") from error


def weights(options: argparse.Namespace) -> Answer:
    """Suggest weights of the new variables."""
    from aurora_dash.data.plan import training_times
    from aurora_dash.data.source import open_data
    from aurora_dash.data.suggested import suggest_weights
    from aurora_dash.model.statistics import resolve_statistics
    from aurora_dash.training.plan import split_of

    spec = changed(find_spec(options.spec, store_of(options)), options)
    opened = open_data(spec.data, spec.model.catalogue_entry, spec.variables)
    try:
        split = split_of(spec, opened.dataset)
        spec = resolve_statistics(spec, opened.dataset, training_times(split.train))
        found = suggest_weights(spec, opened.dataset, split.train)
    finally:
        opened.close()
    lines = [
        f"{item.name}: {number(item.weight)} (persistence is off by "
        f"{number(item.persistence_error)} standard deviations, {item.num_samples} samples)"
        for item in found
    ]
    text = "\n".join(lines) or "No new variable is both given and predicted."
    return Answer(document=[item.to_dict() for item in found], text=text)
