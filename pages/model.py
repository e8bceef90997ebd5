"""Model: which Aurora to fine-tune, and where its weights come from."""

import streamlit as st

from aurora_dash.ui import editor, path, shell
from aurora_dash.ui.forms import catalogue, memory, weights

shell.heading("model")
spec = editor.current().spec
catalogue.cards(spec)
catalogue.details(spec)
st.subheader("Weights", anchor=False)
weights.source(spec)
memory.options(spec)
path.foot("model")
