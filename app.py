"""Aurora Dash: `streamlit run app.py`."""

import streamlit as st

from aurora_dash.ui import lifecycle, navigation, shell

page = st.navigation(navigation.pages(), position="hidden")
st.set_page_config(
    page_title=f"{page.title} · Aurora Dash",
    page_icon=str(shell.LOGO),
    layout="wide",
    menu_items={"About": shell.ABOUT},
)
lifecycle.warm_up().begin()
shell.draw(page)
