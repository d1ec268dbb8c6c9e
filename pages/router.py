"""The router: which pages there are, and which one runs, once what it needs is loaded. Nothing else."""

from pathlib import Path

import streamlit as st

from pages.components.style.style import apply_style
from pages.shared import navigation
from pages.shared.models import load_engine
from pages.shared.text import show_pending_error
from pages.shared.url_state import turn_to

ICON = str(Path(__file__).parent / "icon.svg")

st.set_page_config(page_title="BERT Lab", page_icon=ICON, layout="wide")
st.logo(ICON, size="large")
apply_style()
groups = navigation.navigation()
page = st.navigation(groups)
turn_to(page.url_path)
show_pending_error()
if page in groups["Explore"]:
    load_engine()
page.run()
