"""Monitor: watch a run live, and steer it."""

from aurora_dash.ui import monitor, shell

shell.heading("monitor")
run = monitor.choose_run()
if run is not None:
    monitor.follow(run)
