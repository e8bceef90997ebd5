"""``aurora-dash visualize``: a forecast beside what came true, as a figure or an animation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_dash.cli.evaluate import add_checkpoint_options, checkpoint_of, data_of
from aurora_dash.cli.options import Commands, Parser, store_of
from aurora_dash.cli.output import Answer, number
from aurora_dash.cli.progress import ProgressLine
from aurora_dash.errors import EvaluationError

if TYPE_CHECKING:
    from aurora_dash.evaluation.sought import Sought
    from aurora_dash.evaluation.visualize import Picture
    from aurora_dash.runs.store import RunStore

_MORE = """\
Writes PNG, SVG or PDF by the suffix of --output, with coastlines and without the network; or with
--leads N an animation over N forecast steps, as .gif or .mp4, in one scale of colours.
"""
PROJECTIONS = (
    *("plate_carree", "robinson", "orthographic"),
    *("north_polar_stereographic", "south_polar_stereographic"),
)
"""Of `aurora_dash.figures.raster.projections`, which a parser should not wait for."""
_MOVIES = (".gif", ".mp4")


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "visualize", visualize, help="draw prediction, target and error of a sample", more=_MORE
    )
    add_checkpoint_options(parser)
    parser.add_argument("--var", required=True, metavar="NAME", help="variable, such as 2t or z")
    parser.add_argument("--level", type=float, metavar="HPA", help="pressure level of --var")
    _add_when(parser)
    _add_what(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the figure")


def _add_when(parser: Parser) -> None:
    parser.add_argument("--sample-index", type=int, default=0, metavar="N", help="which (0)")
    parser.add_argument(
        "--start", metavar="TIME", help="the initial time instead, UTC; needs no target in the data"
    )
    parser.add_argument("--lead", type=int, metavar="N", help="forecast steps (1)")
    parser.add_argument("--leads", type=int, metavar="N", help="steps of an animation (--lead)")
    parser.add_argument("--fps", type=int, default=4, metavar="N", help="frames a second (4)")


def _add_what(parser: Parser) -> None:
    parser.add_argument(
        "--difference", action="store_true", help="add the error of persistence beside the model's"
    )
    parser.add_argument(
        "--increment", action="store_true", help="add prediction minus initial state"
    )
    parser.add_argument(
        "--minus", metavar="CHECKPOINT", help="another checkpoint, to be subtracted (A minus B)"
    )
    parser.add_argument("--projection", choices=PROJECTIONS, default=PROJECTIONS[0])
    parser.add_argument("--wind", choices=["arrows", "streamlines"], help="wind over the maps")


def visualize(options: argparse.Namespace) -> Answer:
    """Forecast one sample and draw it."""
    from aurora_dash.evaluation.visualize import visualize as draw

    store = store_of(options)
    ref = checkpoint_of(options)
    line = ProgressLine()
    try:
        picture = draw(
            ref,
            data_of(ref, options),
            _sought(options, store),
            part=options.part,
            output=options.output,
            device=options.device,
            progress=lambda done, total: line.show(f"forecast step {done}/{total}"),
        )
    finally:
        line.end()
    return Answer(document=picture.to_dict(), text=_text(picture))


def _sought(options: argparse.Namespace, store: RunStore) -> Sought:
    from aurora_dash.evaluation.sought import Sought
    from aurora_dash.evaluation.sources import CheckpointRef
    from aurora_dash.figures.publication import Look

    if options.leads is not None and options.output.suffix.lower() not in _MOVIES:
        raise EvaluationError(
            f"--leads makes an animation, and {options.output.name} is none.",
            remedy="End --output with .gif or .mp4, or name the one step to draw by --lead.",
        )
    if options.fps < 1:
        raise EvaluationError(
            f"--fps {options.fps} is no number of frames.", remedy="Give 1 or more."
        )
    minus = None if options.minus is None else CheckpointRef.parse(options.minus, store)
    return Sought(
        var=options.var,
        level=options.level,
        sample_index=options.sample_index,
        start=options.start,
        lead=next(n for n in (options.leads, options.lead, 1) if n is not None),
        difference=options.difference,
        increment=options.increment,
        minus=minus,
        look=Look(projection=options.projection, wind=options.wind),
        frames_per_second=options.fps,
    )


def _text(picture: Picture) -> str:
    scores = ", ".join(f"{source} {number(value)}" for source, value in picture.rmse.items())
    rmse = f"; RMSE {scores} {picture.unit}" if scores else "; there is no target"
    frames = f", {picture.frames} frames" if picture.frames > 1 else ""
    notes = "".join(f"  {label.upper()}" for label in picture.labels)
    return (
        f"{picture.path}: {picture.variable}, {picture.lead_hours} h ahead, "
        f"valid {picture.valid_time}{frames}{rmse}{notes}"
    )
