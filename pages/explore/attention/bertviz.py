"""The bertviz view of the Attention page: its head, model and neuron view of the same forward pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.explore.attention.bertviz_views import HEAD_VIEW_POSITIONS_ALL_LAYERS, head_view, model_view, neuron_view
from core.models.layer_names import file_name, layer_name
from pages.explore.attention.heads import all_links_as_csv
from pages.shared.export import csv_button
from pages.shared.text import show_reason
from pages.shared.url_state import choose_head, choose_layer

if TYPE_CHECKING:
    from core.explore.trace import Trace

VIEWS = {
    "Head view": "All heads of one layer as coloured lines. Click a colour to switch a head off, double-click for it "
    "alone.",
    "Model view": "Every head of every layer at a glance. Click a small picture to enlarge it.",
    "Neuron view": "How one head comes to its attention, number by number. Point at a token and click its +.",
}


TOKEN, LAYER = 26, 82  # px that each takes, rounded up
LEAST, MOST = 480, 1_400  # px of the frame, which scrolls


def show_bertviz(t: Trace) -> None:
    """One of bertviz's documents, in a frame of its own."""
    st.markdown("The well-known bertviz, drawn from the same numbers, for those who know their way around it.")
    view = st.segmented_control(
        "View", list(VIEWS), default="Head view", required=True, key="bertviz-view", bind="query-params"
    )
    theme = "dark" if st.context.theme.type == "dark" else "light"
    length = len(t.tokens)
    try:
        if view == "Head view":
            layer = choose_layer(t.layers)
            layers = [layer] if length > HEAD_VIEW_POSITIONS_ALL_LAYERS else None
            document = head_view(t, layers=layers, layer=layer, theme=theme)
            height = 160 + TOKEN * length
            label, name = f"All links of {layer_name(layer)} as CSV", f"attention-{file_name(layer)}"
            table = partial(all_links_as_csv, t, layers=(layer,))
        elif view == "Model view":
            document, height = model_view(t, theme=theme), 110 + LAYER * t.layers
            label, name, table = "All links of all heads as CSV", "attention-all-heads", partial(all_links_as_csv, t)
        else:
            layer, head = choose_layer(t.layers), choose_head(t.heads)
            document, height = neuron_view(t, layer=layer, head=head, theme=theme), 260 + TOKEN * length
            label, name = "Queries and keys as CSV", f"queries-and-keys-{file_name(layer, head)}"
            table = partial(queries_and_keys, t, layer, head)
    except LabError as problem:
        show_reason(problem)
        return
    st.caption(VIEWS[view])
    alt = f"bertviz, {view.lower()}, of {length} tokens: {' '.join(t.tokens.tokens)[:200]}"
    st.iframe(document, height=min(max(height, LEAST), MOST), alt=alt)
    csv_button(label, table, name)


def queries_and_keys(t: Trace, layer: int, head: int) -> pd.DataFrame:
    """One row a token: its query and its key in one head, number by number."""
    vectors = {name: t[f"layer.{layer}.{name}"][head].numpy() for name in ("query", "key")}  # (pos, head_dim) each
    columns = {f"{name}_{at}": values[:, at] for name, values in vectors.items() for at in range(values.shape[1])}
    return pd.DataFrame({"position": range(len(t.tokens)), "token": t.tokens.tokens} | columns)
