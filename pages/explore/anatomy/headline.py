"""The figures above every view of the Anatomy page."""

from __future__ import annotations

import streamlit as st

from core.models.anatomy.comparison import per_token_at
from pages.explore.anatomy.subject import Subject, anatomy, short, work_of


def show_headline(subject: Subject, length: int) -> None:
    """The figures people ask for first, the work for texts of `length` tokens."""
    body, work = anatomy(subject), work_of(subject)
    figures = (
        ("Parameters", short(body.parameters), f"{body.parameters:,} learned numbers, each counted once."),
        ("Layers × heads", f"{body.layers} × {body.heads}", f"Each head works on {body.head_width} numbers per token."),
        ("Width", f"{body.width:,}", "Numbers that stand for one token between the layers."),
        (
            "Memory, fp32",
            short(body.bytes("fp32"), "B"),
            f"Four bytes a number; in bf16, with two, {short(body.bytes('bf16'), 'B')}. Working memory comes on top.",
        ),
        (
            per_token_at(length),
            short(work.per_token(length)),
            f"Sums and products for each token, once through the model and its head, in a text of {length} tokens. "
            "A token of a longer text is compared with more others. “Compute” has other lengths.",
        ),
    )
    with st.container(horizontal=True):
        for label, value, help_text in figures:
            st.metric(label, value, help=help_text, width="content")
