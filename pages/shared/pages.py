"""The table of pages, so that any page can link to another without importing it."""

import streamlit as st

HOME = st.Page("pages/start/home.py", title="Home", icon=":material/home:", default=True)
TOKENS = st.Page("pages/explore/tokens.py", title="Tokens", icon=":material/match_word:", url_path="tokens")
FILL_MASK = st.Page(
    "pages/explore/fill_mask.py", title="Fill the [MASK]", icon=":material/edit_note:", url_path="fill-mask"
)
DATASETS = st.Page("pages/data/datasets.py", title="Datasets", icon=":material/table_view:", url_path="datasets")
FINE_TUNE = st.Page(
    "pages/train/fine_tune.py", title="Fine-tune", icon=":material/model_training:", url_path="fine-tune"
)
RUNS = st.Page("pages/train/runs.py", title="Runs", icon=":material/monitoring:", url_path="runs")

NAVIGATION = {
    "": [HOME],
    "Explore": [TOKENS, FILL_MASK],
    "Data": [DATASETS],
    "Train": [FINE_TUNE, RUNS],
}
