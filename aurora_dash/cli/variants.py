"""``aurora-dash variants``: the checkpoint catalogue."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from aurora_dash.cli.options import Commands
from aurora_dash.cli.output import Answer, table
from aurora_dash.variants import VARIANTS, Variant


def register(commands: Commands) -> None:
    """Add the command."""
    commands.add("variants", variants, help="the checkpoints one can start from")


def variants(_options: argparse.Namespace) -> Answer:
    """All variants with what they need and give."""
    document = [{**asdict(variant), "size_gib": round(variant.size_gib, 2)} for variant in VARIANTS]
    headings = ("id", "title", "parameters", "grid", "step", "levels", "surface", "licence")
    return Answer(document=document, text=table(headings, [_row(v) for v in VARIANTS]))


def _row(variant: Variant) -> tuple[str, ...]:
    return (
        variant.id,
        variant.title,
        f"{variant.num_parameters / 1e6:.0f} M",
        f"{variant.resolution_degrees:g}°",
        f"{variant.timestep_hours} h",
        str(len(variant.levels)),
        str(len(variant.surface)),
        variant.licence,
    )
