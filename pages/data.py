"""Data: the weather to learn from, and what was recognised in it."""

import streamlit as st

from aurora_dash.ui import candidates, data_views, editor, fetching, path, shell
from aurora_dash.ui.forms import data

shell.heading("data")
spec = editor.current().spec
chosen = data.source(spec)
fetching.section(spec)
data.cutting(spec, candidates.levels(spec))
st.divider()
ready = data_views.show(spec, chosen=chosen)
path.foot("data", ready=ready)
