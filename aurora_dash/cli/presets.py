"""``aurora-dash presets``: recipes one can start from."""

from __future__ import annotations

import argparse

from aurora_dash.cli.options import Commands
from aurora_dash.cli.output import Answer
from aurora_dash.presets import PRESETS, get_preset

_MORE = """\
Without NAME all presets, one a line. With NAME its whole specification as JSON, which `train` takes
as a file. `aurora-dash train NAME --set data.paths=...` trains one.
"""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "presets", presets, help="list the recipes one can start from", more=_MORE
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="show one as a specification")


def presets(options: argparse.Namespace) -> Answer:
    """List presets, or show one."""
    if options.name is not None:
        spec = get_preset(options.name)
        return Answer(document=spec.model_dump(mode="json"), text=spec.to_json().rstrip())
    found = [
        {
            "name": preset.name,
            "title": preset.title,
            "summary": preset.summary,
            "variant": (spec := preset.build()).model.variant,
            "steps": spec.training.steps,
            "accumulate": spec.training.accumulate,
            "needs_files": preset.needs_files,
        }
        for preset in PRESETS.values()
    ]
    width = max(len(name) for name in PRESETS)
    text = "\n".join(f"{row['name']:{width}}  {row['summary']}" for row in found)
    return Answer(document=found, text=text)
