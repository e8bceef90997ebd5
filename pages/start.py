"""Start: what this machine offers, what ran here, and the way in."""

from aurora_dash.ui import machine, queue, shell, start

shell.welcome()
start.way_in()
machine.facts()
queue.waiting_runs()
start.recent_runs()
start.unfinished()
