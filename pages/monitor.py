"""Monitor: watch a run live, and steer it."""

import streamlit as st

from aurora_dash.ui import monitor, monitor_charts, shell

shell.heading("monitor")
run = monitor.choose_run()
if run is not None:
    monitor.watch(run)
    monitor_charts.draw(run)
    st.subheader("Log", anchor=False)
    monitor.log(run)
