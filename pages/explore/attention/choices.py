"""What the views of the Attention page share: layer, head, which tokens are shown, and the look at one matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore.attention.head_roles import (
    AFTER,
    BEFORE,
    CLOSING,
    ITSELF,
    OPENING,
    WORDS,
    clearest_head,
    head_role,
    most_changed_head,
)
from core.explore.attention.selection import PARTS, Selection
from core.explore.attention.weights import KINDS, NORM_WEIGHTED, PROBABILITIES
from core.models.layer_names import head_name, in_code
from pages.components.attention_view.attention_view import LAYOUTS
from pages.components.matrix.matrix import labelled, matrix
from pages.shared.export import csv_button
from pages.shared.text import digest, isolated, plain
from pages.shared.url_state import HEAD, LAYER, WHOLE_WORDS, seed_usual

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from core.explore.tokens import Tokens
    from core.explore.trace import Trace

# Keys of the session's state; the first one stands in the address, too
HEADS, OPENING_HEADS = "heads", "opening-heads"
LOOKS = {
    BEFORE: "the one before it",
    AFTER: "the one after it",
    ITSELF: "itself",
    OPENING: "{first}, where heads rest that find nothing",
    CLOSING: "{last}, where heads rest that find nothing",
}
KIND_TITLES = {PROBABILITIES: "Attention", NORM_WEIGHTED: "What it adds (norm-weighted)"}


def opening_head(t: Trace, other: Trace | None = None) -> tuple[int, int]:
    """(layer, head) that looks most clearly at other words, or beside another trace the one that differs most.

    Found once for each model (and other model), on the first text it reads.
    """
    found = st.session_state.setdefault(OPENING_HEADS, {})
    key = (t.model.fingerprint, other and other.model.fingerprint)
    if key not in found:
        found[key] = clearest_head(t) if other is None else most_changed_head(t, other)
    return found[key]


def open_with_head(layer: int, head: int) -> None:
    """Layer, head and lines begin with this one; what a link names wins, and what somebody has chosen."""
    for key, usual in ((LAYER, layer), (HEAD, head), (HEADS, head)):
        seed_usual(key, str(usual))


def what_a_head_does(t: Trace, layer: int, head: int) -> str:
    """One sentence: where the head's attention goes in this text."""
    role = head_role(t, layer, head)
    where = f"In {head_name(layer, head)} (`{in_code(layer, head)}` in code)"
    if role.looks != WORDS:
        looks = LOOKS[role.looks].format(first=isolated(t.tokens.tokens[0]), last=isolated(t.tokens.tokens[-1]))
        return f"{where}, each token looks mostly at {looks}: {role.share:.0%} of its attention."
    if role.strongest is None:
        return f"{where}, there is no second word to look at."
    query, key = (isolated(t.tokens.tokens[position]) for position in role.strongest)
    return f"{where}, no one place stands out; “{query}” looks most clearly at “{key}” ({role.share:.0%})."


def choose_kind() -> str:
    """The shares themselves, or how much of the token really arrives."""
    chosen = st.segmented_control(
        "Weights",
        [KIND_TITLES[kind] for kind in KINDS],
        default=KIND_TITLES[PROBABILITIES],
        required=True,
        key="weights",
        bind="query-params",
        help="Attention is a share of each row. Norm-weighted multiplies it by the length of the vector that it "
        "carries (Kobayashi et al. 2020); each row is brought to a sum of 1.",
    )
    return NORM_WEIGHTED if chosen == KIND_TITLES[NORM_WEIGHTED] else PROBABILITIES


def choose_layout() -> str:
    """Which way the tokens run in a picture of lines."""
    return st.segmented_control(
        "Tokens run",
        [each.capitalize() for each in LAYOUTS],
        default=LAYOUTS[0].capitalize(),
        required=True,
        key="layout",
        bind="query-params",
        help="Horizontal reads like the text itself.",
    ).lower()


def choose_selection(tokens: Tokens) -> Selection:
    """Tokens or words, with or without special tokens, and, of a pair, from which text to which."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        whole_words = st.toggle(
            "Whole words",
            key=WHOLE_WORDS,
            bind="query-params",
            help="Attention to a word is the sum over its tokens, attention from a word the mean over them.",
        )
        hide = st.toggle(
            "Hide special tokens", key="hide-special", bind="query-params", help="[CLS], [SEP] and the like."
        )
        renormalise = st.toggle(
            "Rows sum to 1",
            key="renormalise",
            bind="query-params",
            help="Divides each row by what is left of it after hiding. Without it, numbers stay as the model has them.",
        )
    parts = "all"
    if 1 in tokens.sequence:
        parts = st.segmented_control(
            "From text to text", PARTS, default="all", required=True, key="parts", bind="query-params"
        )
    return Selection(whole_words=whole_words, hide_special=hide, renormalise=renormalise, parts=parts)


def explain_selection(selection: Selection) -> None:
    """Says what was done to the numbers, where something was."""
    said = []
    if selection.whole_words:
        said.append("Tokens are merged into words: summed over the tokens looked at, averaged over those that look.")
    if (selection.hide_special or selection.parts != "all") and not selection.renormalise:
        said.append("Rows no longer sum to 1: what goes to hidden tokens is not shown.")
    elif selection.renormalise and (selection.hide_special or selection.parts != "all"):
        said.append("Rows are brought back to a sum of 1 after hiding.")
    if said:
        st.caption(" ".join(said))


def show_matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    key: str,
    label: str,
    kind: str = "share",
) -> None:
    """A matrix of attention, what its cell in focus says, and the CSV."""
    if not values.size:
        st.info("Nothing is left to show: every token is hidden.")
        return
    start = divmod(int(abs(values).argmax()), values.shape[1])
    row, _ = matrix(
        values,
        rows=rows,
        columns=columns,
        key=f"{key}-{digest(tuple(rows), tuple(columns))}",
        label=label,
        row_axis="from token",
        column_axis="to token",
        kind=kind,
        cell=start,
        file_name=key,
    )
    if kind == "share":
        st.caption(f"The row of “{plain(rows[row])}” sums to {values[row].sum():.4f}.")
    csv_button("Matrix as CSV", lambda: labelled(values, rows, columns, "from token"), key)
