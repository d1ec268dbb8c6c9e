"""Two views of the Attention page: every head as a small picture, and one head as exact numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.charts.attention import heads_picture
from core.explore.attention.head_grid import LARGEST
from core.explore.attention.selection import Selection, select
from core.explore.attention.weights import NORM_WEIGHTED, attention_weights
from core.models.layer_names import file_name, head_name
from pages.components.head_grid.head_grid import head_grid
from pages.explore.attention.choices import (
    choose_kind,
    choose_selection,
    explain_selection,
    show_matrix,
    what_a_head_does,
)
from pages.explore.attention.lines import links_as_csv
from pages.shared import navigation
from pages.shared.export import csv_button, figure
from pages.shared.models import thumbnails_of
from pages.shared.url_state import HEAD, LAYER, choose_head, choose_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.explore.trace import Trace


GRID = "head-grid"  # key of the session's state: the head that was clicked
MOST_LINKS = 1_000_000  # rows of a table that spreadsheets open


def show_all_heads(t: Trace) -> None:
    """The grid; a click opens a head in the view of one."""
    st.markdown(
        "Every head at a glance: each small picture is a head, its rows are the tokens that look, its columns what "
        "they look at. Click one to open it."
    )
    chosen = st.session_state[LAYER], st.session_state[HEAD]
    is_there = all(each in map(str, range(count)) for each, count in zip(chosen, (t.layers, t.heads), strict=True))
    if st.toggle(
        "As a picture to save",
        key="as-picture",
        bind="query-params",
        help="Draws it as one picture. Its camera button, on the right above it, saves a PNG for print.",
    ):
        figure(
            heads_picture(thumbnails_of(t.model, t.tokens), title="Attention of all heads"),
            key="all-heads",
            alt=f"Attention of {t.layers} layers of {t.heads} heads as small pictures, layers down, heads across",
        )
    else:
        head_grid(
            thumbnails_of(t.model, t.tokens),
            key=GRID,
            chosen=[(int(chosen[0]), int(chosen[1]))] if is_there else [],
            on_open=open_head,
            label=f"{t.layers} layers of {t.heads} heads: layers down, heads across",
        )
    words = "Layers down, heads across, both counted from 1. A stronger colour is more; each picture has its own scale."
    if len(t.tokens) > LARGEST:
        words += " Of a long text each point shows the largest share of several tokens."
    st.caption(words)
    if t.layers * t.heads * len(t.tokens) ** 2 <= MOST_LINKS:
        csv_button("All links of all heads as CSV", lambda: all_links_as_csv(t), "attention-all-heads")
    else:
        st.caption("The text is too long for one table of all heads: “Lines” has one a layer.")


def all_links_as_csv(t: Trace, *, layers: Sequence[int] | None = None) -> bytes:
    """Every weight of every head of some layers (default: all), exact."""
    weights = {number: attention_weights(t, number) for number in layers or range(t.layers)}
    shown = {number: select(each, t.tokens, Selection()) for number, each in weights.items()}
    return links_as_csv(shown, tuple(range(t.heads)))


def open_head() -> None:
    """Show the clicked head in the view of one head."""
    opened = st.session_state[GRID].opened
    if opened:
        layer, head = opened
        st.session_state.update({LAYER: str(layer), HEAD: str(head), navigation.VIEW[navigation.ATTENTION]: "One head"})


def show_one_head(t: Trace) -> None:
    """The matrix of one head."""
    left, right = st.columns(2)
    with left:
        layer = choose_layer(t.layers)
    with right:
        head = choose_head(t.heads)
    selection = choose_selection(t.tokens)
    kind = choose_kind()
    weights = attention_weights(t, layer, kind=kind, row_normalised=kind == NORM_WEIGHTED)[head]
    shown = select(weights, t.tokens, selection)
    st.markdown(
        f"{what_a_head_does(t, layer, head)} Each row is a token that looks, and shows how it divides its attention."
    )
    show_matrix(
        shown.values.numpy(),
        [unit.label for unit in shown.queries],
        [unit.label for unit in shown.keys],
        key=file_name(layer, head),
        label=f"Attention of {head_name(layer, head)}: from token by to token",
    )
    explain_selection(selection)
