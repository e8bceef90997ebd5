"""The command line: the same functions as the pages call, from a shell."""

from aurora_dash.cli.entry import main

__all__ = ["main"]
