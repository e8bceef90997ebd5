"""monitor."""

from aurora_dash.ui import shell

shell.heading("monitor")
