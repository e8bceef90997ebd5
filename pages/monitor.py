"""Monitor: watch a run live, and steer it."""

import streamlit as st

from aurora_dash.ui import load_report, monitor, monitor_charts, shell

shell.heading("monitor")
run = monitor.choose_run()
if run is not None:
    monitor.watch(run)
    monitor_charts.draw(run)
    load_report.show(run)
    st.subheader("Log", anchor=False)
    monitor.log(run)
