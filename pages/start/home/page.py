"""Home: three doors, and what this machine has. Loads no model."""

import streamlit as st

from core.machine import machine
from core.models import catalogue
from pages.shared import navigation

_DOORS = (
    (
        "Look inside",
        "See how a sentence becomes numbers, which words look at which, what BERT expects for a hidden one.",
        (
            (navigation.TOKENS, "Cut a sentence into tokens"),
            (navigation.ATTENTION, "See which words look at which"),
            (navigation.INSIDE_A_LAYER, "Follow every number"),
            (navigation.FILL_MASK, "Hide a word, let BERT guess"),
        ),
    ),
    (
        "Bring your data",
        "Open a ready-made sample or a table of your own. See what is in it, and what to fix before training.",
        ((navigation.DATASETS, "Explore a data set"),),
    ),
    (
        "Teach it your task",
        "Train BERT to sort your texts into your classes, watch it learn, then try it and look inside again.",
        ((navigation.FINE_TUNE, "Fine-tune a model"), (navigation.RUNS, "See what was trained")),
    ),
)

st.title("BERT Lab")
st.markdown("See inside BERT, teach it your task, and watch what changed.")

for column, (title, words, links) in zip(st.columns(3), _DOORS, strict=True):
    with column.container(border=True, height="stretch"):
        st.subheader(title, anchor=False)
        st.markdown(words)
        for page, label in links:
            st.page_link(page, label=label, icon=navigation.ICONS[page])

here = machine()
models = catalogue.entries()
st.subheader("On this machine", anchor=False)
facts = (
    ("Model", models[0].title, "Ships with the lab: everything works without a network."),
    ("Trained by you", str(sum(entry.is_run for entry in models)), "Finished runs that every Explore page can open."),
    ("Training runs on", here.device, here.processor),
    ("Memory", f"{here.memory_bytes / 1e9:.0f} GB", "Main memory of this machine."),
    ("Free disk", f"{here.disk_free_bytes / 1e9:.0f} GB", "Room for uploads and runs."),
)
with st.container(horizontal=True):
    for label, value, help_text in facts:
        with st.container(width=148, gap=None):
            st.caption(label, help=help_text)
            st.markdown(f"**{value}**")
