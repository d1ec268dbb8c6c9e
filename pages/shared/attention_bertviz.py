"""The bertviz view of the Attention page: its head, model and neuron view of the same forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import LabError
from core.explore.bertviz_views import HEAD_VIEW_POSITIONS_ALL_LAYERS, head_view, model_view, neuron_view
from pages.shared.attention_choices import say
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
        elif view == "Model view":
            document, height = model_view(t, theme=theme), 110 + LAYER * t.layers
        else:
            layer, head = choose_layer(t.layers), choose_head(t.heads)
            document, height = neuron_view(t, layer=layer, head=head, theme=theme), 260 + TOKEN * length
    except LabError as problem:
        say(problem)
        return
    st.caption(VIEWS[view])
    st.iframe(document, height=min(max(height, LEAST), MOST))
