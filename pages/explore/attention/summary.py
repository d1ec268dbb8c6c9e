"""The Summary view of the Attention page: roll-out, means, and what each head does, over a text or a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.attention import head_map
from core.errors import counted
from core.explore.attention.selection import select
from core.explore.attention.summaries import (
    corpus_statistics,
    head_statistics,
    mean_over_heads,
    mean_over_layers,
    rollout,
)
from core.models.layer_names import (
    after_state,
    file_name,
    head_columns,
    head_name,
    in_code,
    layer_name,
    number,
)
from pages.explore.attention.choices import choose_selection, explain_selection, show_matrix
from pages.shared import data_source
from pages.shared.export import csv_button, figure
from pages.shared.on_demand import last_of, on_demand
from pages.shared.reading_options import read_source
from pages.shared.text import digest
from pages.shared.url_state import choose_head, choose_layer

if TYPE_CHECKING:
    from core.explore.attention.summaries import HeadStatistics
    from core.explore.trace import Trace

KINDS = ("What each head does", "Roll-out", "Mean over heads", "Mean over layers")
MEASURES = {
    "entropy": (
        "Spread",
        "bits",
        "How widely a head looks: 0 bits is one token only, 3 bits as wide as 8 tokens evenly.",
    ),
    "distance": ("Distance", "tokens", "How many tokens away a head looks, on average."),
    "cls": (
        "On [CLS]",
        "",
        "The share of attention that goes to the first special token. Often a head's place to rest.",
    ),
    "sep": (
        "On [SEP]",
        "",
        "The share that goes to the closing special tokens. Often where a head rests that finds nothing.",
    ),
    "itself": ("On itself", "", "The share that tokens keep on themselves."),
    "previous": (
        "On the token before",
        "",
        "The share on the token just before: such heads follow the order of words.",
    ),
    "following": ("On the token after", "", "The share on the token just after."),
}
ROWS = (50, 100, 200, 500, 1_000)
MOST_TOKENS = 128  # of each row


def show_summary(t: Trace) -> None:
    """One way to sum attention up."""
    kind = st.segmented_control(
        "Sum up", KINDS, default=KINDS[0], required=True, key="summary", bind="query-params", wrap=True
    )
    if kind == KINDS[0]:
        show_statistics(t)
    else:
        show_mixed(t, kind)


def show_mixed(t: Trace, kind: str) -> None:
    """Roll-out, or a mean, as a matrix."""
    if kind == "Roll-out":
        layer = choose_layer(t.layers, "Up to layer")
        st.markdown(
            f"How much of each token {after_state(layer + 1)} comes from each token of the text, when attention is "
            "followed through the layers. Half of each step is the token itself, for the residual connection."
        )
        values, name = rollout(t)[layer], f"roll-out-{file_name(layer)}"
    elif kind == "Mean over heads":
        layer = choose_layer(t.layers)
        st.markdown(
            f"Where {layer_name(layer)} (`{in_code(layer)}` in code) looks when its "
            f"{counted(t.heads, 'head')} are taken together."
        )
        values, name = mean_over_heads(t)[layer], f"mean-{file_name(layer)}"
    else:
        head = choose_head(t.heads)
        st.markdown(
            f"Head {number(head)} of all {counted(t.layers, 'layer')} taken together. Heads of one number have nothing "
            "in common but their place."
        )
        values, name = mean_over_layers(t)[head], f"mean-head-{number(head)}"
    selection = choose_selection(t.tokens)
    shown = select(values, t.tokens, selection)
    labels = [[unit.label for unit in units] for units in (shown.queries, shown.keys)]
    show_matrix(shown.values.numpy(), *labels, key=name, label=f"{kind}: from token by to token")
    explain_selection(selection)


def show_statistics(t: Trace) -> None:
    """One measure of every head, as a map."""
    left, right = st.columns([3, 2])
    titles = [title for title, _, _ in MEASURES.values()]
    with left:
        title = st.segmented_control(
            "Measure", titles, default=titles[0], required=True, key="measure", bind="query-params", wrap=True
        )
    with right:
        over_all = st.segmented_control(
            "Over", ("This text", "A data set"), default="This text", required=True, key="over", bind="query-params"
        )
    measure = list(MEASURES)[titles.index(title)]
    found = head_statistics(t) if over_all == "This text" else statistics_of_data(t)
    if found is None:
        return
    _, unit, words = MEASURES[measure]
    values = getattr(found, measure)
    st.markdown(words)
    layer, head = np.unravel_index(int(np.argmax(values)), values.shape)
    figure(
        head_map(values, title=f"{title}{f', in {unit}' if unit else ''}", unit=unit),
        key="head-statistics",
        alt=f"{title} of {t.layers} × {t.heads} heads; most: {head_name(layer, head)}, {values[layer, head]:.3g}",
    )
    st.caption(
        f"Highest in {head_name(layer, head)} (`{in_code(layer, head)}` in code): {values[layer, head]:.3g} {unit}. "
        "Each number is a mean over "
        f"{counted(found.queries, 'token')}{'' if found.total == 1 else f' of {found.done:,} texts'}."
    )
    csv_button("All measures as CSV", statistics_table(found), "head-statistics")


def statistics_table(found: HeadStatistics) -> pd.DataFrame:
    """One row a head, one column a measure."""
    layers, heads = found.entropy.shape
    places = head_columns(np.repeat(range(layers), heads), np.tile(range(heads), layers))
    return pd.DataFrame(places | {name: getattr(found, name).ravel() for name in MEASURES})


def statistics_of_data(t: Trace) -> HeadStatistics | None:
    """The same over rows of a data set, once somebody asks for it."""
    reference = data_source.choose_source()
    table = read_source(reference)
    dataset, _ = data_source.prepared_rows(reference, table)
    most = st.selectbox(
        "Rows at most", ROWS, 1, format_func="{:,}".format, key="statistics-rows", bind="query-params", width=200
    )
    texts = list(dataset.texts[:most])
    pairs = None if dataset.pairs is None else list(dataset.pairs[:most])
    most_tokens = min(MOST_TOKENS, t.model.max_length)
    return on_demand(
        "measured",
        ("statistics", t.model.fingerprint, digest(texts, pairs)),
        lambda progress: last_of(
            corpus_statistics(t.model, texts, pairs, max_length=most_tokens), lambda each: each.total, progress
        ),
        button="Measure",
        icon=":material/monitoring:",
        words=f"Looks at the first {counted(len(texts), 'row')}, each cut to {most_tokens} tokens.",
        doing="The model reads texts:",
    )
