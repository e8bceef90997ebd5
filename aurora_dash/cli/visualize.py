"""``aurora-dash visualize``: one forecast beside what came true, as a figure."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from aurora_dash.cli.evaluate import add_checkpoint_options, data_of
from aurora_dash.cli.options import Commands, store_of
from aurora_dash.cli.output import Answer, number
from aurora_dash.cli.progress import ProgressLine

_MORE = """\
Writes PNG, SVG or PDF by the suffix of --output, with coastlines and without the network.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "visualize", visualize, help="draw prediction, target and error of a sample", more=_MORE
    )
    add_checkpoint_options(parser)
    parser.add_argument("--var", required=True, metavar="NAME", help="variable, such as 2t or z")
    parser.add_argument("--level", type=float, metavar="HPA", help="pressure level of --var")
    parser.add_argument("--sample-index", type=int, default=0, metavar="N", help="which (0)")
    parser.add_argument("--lead", type=int, default=1, metavar="N", help="forecast steps (1)")
    parser.add_argument(
        "--difference", action="store_true", help="add the error of persistence beside the model's"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the figure")


def visualize(options: argparse.Namespace) -> Answer:
    """Forecast one sample and draw it."""
    from aurora_dash.evaluation.sources import CheckpointRef
    from aurora_dash.evaluation.visualize import visualize as draw

    ref = CheckpointRef.parse(options.checkpoint, store_of(options), variant=options.variant)
    ref = replace(ref, weights=options.weights)
    line = ProgressLine()
    picture = draw(
        ref,
        data_of(ref, options),
        part=options.part,
        var=options.var,
        level=options.level,
        sample_index=options.sample_index,
        lead=options.lead,
        difference=options.difference,
        output=options.output,
        device=options.device,
        progress=lambda done, total: line.show(f"forecast step {done}/{total}"),
    )
    line.end()
    scores = ", ".join(f"{source} {number(value)}" for source, value in picture.rmse.items())
    notes = "".join(f"  {label.upper()}" for label in picture.labels)
    text = (
        f"{picture.path}: {picture.variable}, {picture.lead_hours} h ahead, "
        f"valid {picture.valid_time}; RMSE {scores} {picture.unit}{notes}"
    )
    return Answer(document=picture.to_dict(), text=text)
