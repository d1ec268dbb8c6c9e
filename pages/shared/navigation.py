"""The table of pages and of their views, so that any page can link to another without importing it."""

import streamlit as st

HOME = "start/home/page.py"
TOKENS = "explore/tokens/page.py"
ANATOMY = "explore/anatomy/page.py"
INSIDE_A_LAYER = "explore/inside_a_layer/page.py"
ATTENTION = "explore/attention/page.py"
EMBEDDINGS = "explore/embeddings/page.py"
FILL_MASK = "explore/fill_mask/page.py"
DATASETS = "data/datasets/page.py"
FINE_TUNE = "train/fine_tune/page.py"
RUNS = "train/runs/page.py"

ICONS = {
    HOME: ":material/home:",
    TOKENS: ":material/match_word:",
    ANATOMY: ":material/account_tree:",
    INSIDE_A_LAYER: ":material/calculate:",
    ATTENTION: ":material/hub:",
    EMBEDDINGS: ":material/scatter_plot:",
    FILL_MASK: ":material/edit_note:",
    DATASETS: ":material/table_view:",
    FINE_TUNE: ":material/model_training:",
    RUNS: ":material/monitoring:",
}


VIEW = {
    TOKENS: "tokens-view",
    ANATOMY: "anatomy-view",
    ATTENTION: "attention-view",
    EMBEDDINGS: "embedding-view",
    FILL_MASK: "fill-view",
    DATASETS: "show",
    RUNS: "part",
}  # under which key a page keeps, also in the address, which of its views is shown
RUN = "run"  # under which key Runs keeps, also in the address, which run is open
STEPS = (*VIEW.values(), RUN)  # what the browser's "back" goes through within a page


def navigation() -> dict[str, list[st.Page]]:
    """The pages by group, made again for each run: Streamlit keeps state of the run in them."""
    return {
        "": [st.Page(HOME, title="Home", icon=ICONS[HOME], default=True)],
        "Explore": [
            st.Page(TOKENS, title="Tokens", icon=ICONS[TOKENS], url_path="tokens"),
            st.Page(ANATOMY, title="Anatomy", icon=ICONS[ANATOMY], url_path="anatomy"),
            st.Page(INSIDE_A_LAYER, title="Inside a layer", icon=ICONS[INSIDE_A_LAYER], url_path="inside-a-layer"),
            st.Page(ATTENTION, title="Attention", icon=ICONS[ATTENTION], url_path="attention"),
            st.Page(EMBEDDINGS, title="Embeddings", icon=ICONS[EMBEDDINGS], url_path="embeddings"),
            st.Page(FILL_MASK, title="Fill the [MASK]", icon=ICONS[FILL_MASK], url_path="fill-mask"),
        ],
        "Data": [st.Page(DATASETS, title="Datasets", icon=ICONS[DATASETS], url_path="datasets")],
        "Train": [
            st.Page(FINE_TUNE, title="Fine-tune", icon=ICONS[FINE_TUNE], url_path="fine-tune"),
            st.Page(RUNS, title="Runs", icon=ICONS[RUNS], url_path="runs"),
        ],
    }
