"""Data: the weather to learn from, and what was recognised in it."""

import streamlit as st

from aurora_dash.ui import candidates, data_views, editor, fetching, path, shell, split_view
from aurora_dash.ui.forms import data, mix, windows

shell.heading("data")
spec = editor.current().spec
chosen = data.source(spec)
fetching.section(spec)
data.cutting(spec, candidates.levels(spec))
mix.form(spec)
windows.samples(spec)
split_view.show(spec, chosen=chosen)
st.divider()
ready = data_views.show(spec, chosen=chosen)
path.foot("data", ready=ready)
