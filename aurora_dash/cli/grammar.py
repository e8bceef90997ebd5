"""The whole command line, put together from its commands."""

from __future__ import annotations

from aurora_dash import __version__
from aurora_dash.cli import (
    data,
    doctor,
    estimate,
    evaluate,
    export,
    presets,
    report,
    rollout,
    runs,
    train,
    tuning,
    variants,
    visualize,
)
from aurora_dash.cli.options import Commands, Parser

_PARTS = (
    variants,
    presets,
    doctor,
    data,
    tuning,
    estimate,
    train,
    evaluate,
    report,
    visualize,
    rollout,
    export,
    runs,
)

_EXIT_CODES = """\
Exit codes: 0 success; 1 a run that failed, or a check that found errors; 2 what you can put
right (usage, missing files, a wrong spec); 130 after Ctrl-C.
"""


def build_parser() -> Parser:
    """The parser of all commands; imports neither torch nor xarray."""
    parser = Parser(
        prog="aurora-dash",
        description="Fine-tune the Aurora weather model, watch it, judge the result.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"aurora-dash {__version__}")
    commands = Commands(parser)
    for part in _PARTS:
        part.register(commands)
    return parser
