"""The Compare view of the Attention page: one head of two models, or of one model on two texts, and the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore import examples
from core.explore.attention.selection import units
from core.explore.fill_mask.masks import masks_of_other
from core.models.layer_names import file_name, head_name, in_code
from pages.components.attention_view.attention_view import SIGNS, attention_view
from pages.components.matrix.matrix import labelled
from pages.explore.attention.choices import choose_layout, open_with_head, opening_head, show_matrix
from pages.explore.attention.lines import as_token, chosen_state, remember
from pages.shared.export import csv_button
from pages.shared.models import COMPARED_MODEL, choose_reference, example, open_model, traced
from pages.shared.text import digest, plain
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import choose_head, choose_layer, text_line

if TYPE_CHECKING:
    import numpy as np

    from core.explore.trace import Trace

MODES = ("Two texts", "Two models")
DRAWN = ("Lines", "Matrix")
THRESHOLD = 0.02  # differences are smaller than what they are of


def show_comparison(t: Trace) -> None:
    """Choose the other side, then a head, then see the difference."""
    mode = st.segmented_control("Compare", MODES, default=MODES[0], required=True, key="compare", bind="query-params")
    other = other_text(t) if mode == MODES[0] else other_model(t)
    first, second = t.tokens.tokens, other.tokens.tokens
    open_with_head(*opening_head(t, other))
    left, right = st.columns(2)
    with left:
        layer = choose_layer(min(t.layers, other.layers))
    with right:
        head = choose_head(min(t.heads, other.heads))
    if (t.layers, t.heads) != (other.layers, other.heads):
        st.caption(
            f"{plain(t.model.title)} has {t.layers} × {t.heads} heads, {plain(other.model.title)} {other.layers} × "
            f"{other.heads}: heads with the same number need not do the same."
        )
    one, two = (each[f"layer.{layer}.probabilities"][head] for each in (t, other))
    names = (
        ("the text above", "the other text") if mode == MODES[0] else (plain(t.model.title), plain(other.model.title))
    )
    name, where = file_name(layer, head), head_name(layer, head)
    if one.shape == two.shape and (first == second or mode == MODES[0]):
        labels = [a if a == b else f"{b} / {a}" for a, b in zip(first, second, strict=True)]
        change = (two - one).numpy()
        largest = change.flat[abs(change).argmax()]
        st.markdown(
            f"{where.capitalize()} (`{in_code(layer, head)}` in code), {names[1]} against {names[0]}: where "
            f"attention became **more** and where **less**. The largest change is {largest:+.3f}."
        )
        label = f"Difference of attention, {where}"
        show_difference(t, change, labels, label, f"difference-{name}", digest(mode, other.model.reference))
        return
    if mode == MODES[0]:
        why = f"The texts have {len(first)} and {len(second)} tokens, so their positions do not match."
    else:
        why = "The models cut the text into different tokens, so their positions do not match."
    st.info(f"{why} There is no difference to draw; here are both.")
    for number, (values, tokens, whose) in enumerate(((one, first, names[0]), (two, second, names[1]))):
        st.markdown(f"**{whose[0].upper()}{whose[1:]}**")
        label = f"Attention of {where}, {whose}"
        show_matrix(values.numpy(), tokens, tokens, key=f"compared-{number}-{name}", label=label)


def show_difference(t: Trace, change: np.ndarray, labels: list[str], label: str, name: str, which: str) -> None:
    """The (query, key) difference as lines in two colours, or as a matrix of numbers."""
    with st.container(horizontal=True):
        drawn = st.segmented_control(
            "Drawn as", DRAWN, default=DRAWN[0], required=True, key="drawn", bind="query-params"
        )
        layout = choose_layout() if drawn == DRAWN[0] else ""
    if drawn != DRAWN[0]:
        show_matrix(change, labels, labels, key=f"{name}-{which}", label=label, kind="signed")
        return
    tokens = [as_token(unit)._replace(label=text) for unit, text in zip(units(t.tokens), labels, strict=True)]
    key = f"difference-{digest(labels, which)}"
    usual = {"prefix": "difference-", "threshold": THRESHOLD}
    state = chosen_state(key, len(SIGNS), len(tokens), **usual)
    state = attention_view(
        {0: change[None]},
        queries=tokens,
        keys=tokens,
        key=key,
        label=label,
        heads=state.heads,
        pinned=state.pinned,
        threshold=state.threshold,
        layout=layout,
        signed=True,
        file_name=name,
    )
    remember(state, len(SIGNS), **usual)
    csv_button("Matrix as CSV", lambda: labelled(change, labels, labels, "from token"), name)


def other_text(t: Trace) -> Trace:
    """The same model on a text typed here."""
    usual = examples.ATTENDED_BY_CLASSIFIER_OTHER if t.model.labels else examples.ATTENDED_OTHER
    text = text_line("Other text", key="compared-text", example=example(t.model, usual.text))
    return traced(t.model, tokenize_input(t.model, text, None))


def other_model(t: Trace) -> Trace:
    """Another model on the same text."""
    reference = choose_reference(
        "Other model",
        key=COMPARED_MODEL,
        help="For instance a run that was fine-tuned from the first one.",
        leave_out=(t.model.reference,),
    )
    model = open_model(reference)
    text, pair = (masks_of_other(t.model, model, each or "") for each in (t.tokens.text, t.tokens.pair))
    return traced(model, tokenize_input(model, text, pair))
