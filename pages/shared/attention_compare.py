"""The Compare view of the Attention page: one head of two models, or of one model on two texts, and the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore import tokens as tokenizing
from core.explore.fill_mask import with_model_mask
from pages.shared.attention_choices import digest, show_matrix
from pages.shared.models import choose_reference, example, open_model, traced
from pages.shared.text import plain
from pages.shared.url_state import choose_head, choose_layer, text_line

if TYPE_CHECKING:
    from core.explore.trace import Trace

OTHER_TEXT = "The cat did not cross the street because it was too [MASK]."
OTHER_TEXT_OF_CLASSES = "The dog did not cross the street because it was too wide."
MODES = ("Two texts", "Two models")


def show_comparison(t: Trace) -> None:
    """Choose the other side, then a head, then see the difference."""
    mode = st.segmented_control("Compare", MODES, default=MODES[0], required=True, key="compare", bind="query-params")
    other = other_text(t) if mode == MODES[0] else other_model(t)
    first, second = t.tokens.pieces, other.tokens.pieces
    left, right = st.columns(2)
    with left:
        layer = choose_layer(min(t.layers, other.layers))
    with right:
        head = choose_head(min(t.heads, other.heads))
    if (t.layers, t.heads) != (other.layers, other.heads):
        st.caption(
            f"{plain(t.model.title)} has {t.layers} × {t.heads} heads, {plain(other.model.title)} {other.layers} × "
            f"{other.heads}: heads of one number need not do the same."
        )
    one, two = (each[f"layer.{layer}.probabilities"][head] for each in (t, other))
    names = (
        ("the text above", "the other text") if mode == MODES[0] else (plain(t.model.title), plain(other.model.title))
    )
    name = f"layer-{layer}-head-{head}"
    if one.shape == two.shape and (first == second or mode == MODES[0]):
        labels = [a if a == b else f"{b} / {a}" for a, b in zip(first, second, strict=True)]
        change = (two - one).numpy()
        st.markdown(
            f"Layer {layer}, head {head}: {names[1]} minus {names[0]}. Positive is where {names[1]} gives more "
            f"attention; the largest change is {abs(change).max():.3f}."
        )
        show_matrix(
            change,
            labels,
            labels,
            key=f"difference-{name}-{digest(mode, other.model.reference)}",
            label=f"Difference of attention, layer {layer}, head {head}",
            kind="signed",
        )
        return
    if mode == MODES[0]:
        why = f"The texts have {len(first)} and {len(second)} tokens, so their positions do not match."
    else:
        why = "The models cut the text into different tokens, so their positions do not match."
    st.info(f"{why} There is no difference to draw; here are both.")
    for number, (values, pieces, whose) in enumerate(((one, first, names[0]), (two, second, names[1]))):
        st.markdown(f"**{whose[0].upper()}{whose[1:]}**")
        label = f"Attention of layer {layer}, head {head}, {whose}"
        show_matrix(values.numpy(), pieces, pieces, key=f"compared-{number}-{name}", label=label)


def other_text(t: Trace) -> Trace:
    """The same model on a text typed here."""
    usual = OTHER_TEXT_OF_CLASSES if t.model.labels else OTHER_TEXT
    text = text_line("Other text", key="compared-text", example=example(t.model, usual))
    return traced(t.model, tokenizing.tokenize(t.model, with_model_mask(t.model, text)))


def other_model(t: Trace) -> Trace:
    """Another model on the same text."""
    reference = choose_reference(
        "Other model",
        key="compared-model",
        help="For instance a run that was fine-tuned from the first one.",
        leave_out=(t.model.reference,),
    )
    model = open_model(reference)
    text, pair = (with_model_mask(model, each or "") for each in (t.tokens.text, t.tokens.pair))
    mask = t.model.tokenizer.mask_token
    if mask and model.tokenizer.mask_token:
        text, pair = (each.replace(mask, model.tokenizer.mask_token) for each in (text, pair))
    return traced(model, tokenizing.tokenize(model, text, pair))
