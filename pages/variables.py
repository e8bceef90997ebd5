"""variables."""

from aurora_dash.ui import shell

shell.heading("variables")
