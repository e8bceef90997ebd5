"""``aurora-dash rollout``: forecasts of a checkpoint as a Zarr store or a NetCDF file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from aurora_dash.cli.evaluate import add_checkpoint_options, checkpoint_of, data_of
from aurora_dash.cli.options import Commands, store_of
from aurora_dash.cli.output import Answer
from aurora_dash.cli.progress import ProgressLine

_MORE = """\
Writes .zarr, or NetCDF for .nc, with CF metadata. Memory does not grow with the number of steps or
of initial times. A rollout that was stopped or killed goes on when it is started again with the
same output.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "rollout", rollout, help="write forecasts of a checkpoint to a file", more=_MORE
    )
    add_checkpoint_options(parser)
    parser.add_argument("--leads", type=int, default=1, metavar="N", help="forecast steps (1)")
    parser.add_argument("--variables", nargs="+", default=[], metavar="NAME", help="(all)")
    parser.add_argument(
        "--every", type=int, metavar="HOURS", help="hours between initial times (all times)"
    )
    parser.add_argument("--max-starts", type=int, metavar="N", help="only the first (all)")
    parser.add_argument("--start", metavar="TIME", help="only this initial time, UTC (all)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".zarr or .nc")


def rollout(options: argparse.Namespace) -> Answer:
    """Make the forecasts and write them."""
    from aurora_dash.evaluation.request import RolloutRequest
    from aurora_dash.evaluation.rollout import rollout as roll

    store = store_of(options)
    ref = checkpoint_of(options)
    request = RolloutRequest.build(
        {
            **ref.request_fields(),
            "data": data_of(ref, options),
            "part": options.part,
            "leads": options.leads,
            "variables": tuple(options.variables),
            "every_hours": options.every,
            "max_starts": options.max_starts,
            "start": options.start,
            "device": options.device,
        }
    )
    line = ProgressLine()
    try:
        result = roll(request, options.out, store=ref.store or store, progress=with_time_left(line))
    finally:
        line.end()
    document = {
        "path": str(result.path),
        "checkpoint": result.checkpoint,
        "starts": [f"{start}Z" for start in result.starts.astype("M8[m]").astype(str)],
        "lead_hours": list(result.lead_hours),
        "variables": list(result.variables),
        "steps_made": result.steps_made,
    }
    text = (
        f"{result.path}: {len(result.starts)} forecasts of {result.lead_hours[-1]} h, "
        f"{', '.join(result.variables)}; {result.steps_made} steps made"
    )
    return Answer(document=document, text=text)


def with_time_left(line: ProgressLine) -> Callable[[int, int], None]:
    """Shows steps and, by the pace of those that were made here, how long the rest will take."""
    from aurora_dash.evaluation.pace import Pace

    pace = Pace()

    def show(done: int, total: int) -> None:
        seconds = pace.seconds_left(done, total)
        left = "" if seconds is None or done == total else f", {_words(seconds)}"
        line.show(f"forecast step {done}/{total}{left}")

    return show


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"
