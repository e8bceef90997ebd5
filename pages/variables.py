"""Variables: register those that the model does not know yet."""

import streamlit as st

from aurora_dash.ui import boundary, candidates, editor, path, shell
from aurora_dash.ui.forms import own_statistics, registered, variables

shell.heading("variables")
spec = editor.current().spec
st.subheader("New variables", anchor=False)
registered.registered(spec)
st.subheader("Register one", anchor=False)
with boundary.errors_shown():
    variables.register(spec, candidates.candidates(spec))
registered.known(spec)
own_statistics.change(spec)
path.foot("variables")
