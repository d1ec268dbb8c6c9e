"""The Outputs view of the Anatomy page: every tensor that goes in and comes out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.errors import counted
from core.models.anatomy import outputs
from pages.explore.anatomy.subject import Subject, anatomy, shape, short
from pages.shared.export import csv_table

MOST_TEXTS = 64


def show_outputs(subject: Subject) -> None:
    """Inputs and outputs for a batch of a chosen size: axes, shape, type and size of each tensor."""
    body = anatomy(subject)
    st.markdown("The exact tensors that go in and come out, for a batch of texts padded to one length.")
    left, right = st.columns(2)
    batch = left.slider("Texts in the batch", 1, MOST_TEXTS, 2, key="batch-size", bind="query-params")
    length = right.slider(
        "Tokens in each", 1, body.positions, min(16, body.positions), key="tokens", bind="query-params"
    )
    asked = {"batch": batch, "length": length, "has_pooler": subject.has_pooler}
    given = outputs.inputs(subject.config, subject.architecture, **asked)
    made = outputs.outputs(subject.config, subject.architecture, **asked)
    for title, tensors, name in (("Inputs", given, "inputs"), ("Outputs", made, "outputs")):
        table = pd.DataFrame(
            {
                "Tensor": each.name,
                "Axes": ", ".join(each.axes),
                "Shape": shape(each.shape),
                "What it holds": each.meaning,
                "Type": each.dtype,
                "Size": each.bytes,
            }
            for each in tensors
        )
        st.markdown(f"**{title}**: {counted(len(tensors), 'tensor')}, {short(sum(t.bytes for t in tensors), 'B')}")
        csv_table(
            table,
            f"{title} as CSV",
            name,
            height="content",
            column_config={"Size": st.column_config.NumberColumn(format="bytes")},
            alt=f"Tensors: {title}",
        )
    st.caption(
        "As returned with `output_hidden_states=True, output_attentions=True`. There is one hidden state more than "
        "layers: the first is what the embeddings hand to layer 1. Code counts layers from 0: `attentions[0]` is of "
        "layer 1, and its weights are `layer.0`. Each row of attention sums to 1."
    )
