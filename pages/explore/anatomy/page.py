"""Anatomy: what the model is made of, what each setting means, and what it costs."""

import streamlit as st

from pages.explore.anatomy.comparison import show_comparison
from pages.explore.anatomy.compute import show_compute
from pages.explore.anatomy.configuration import show_configuration
from pages.explore.anatomy.headline import show_headline
from pages.explore.anatomy.module_tree import show_tree
from pages.explore.anatomy.outputs import show_outputs
from pages.explore.anatomy.parameters import show_parameters
from pages.explore.anatomy.subject import USUAL_LENGTH, Subject, anatomy
from pages.shared import navigation
from pages.shared.models import chosen_model
from pages.shared.text import errors_shown
from pages.shared.url_state import choose_view

VIEWS = {
    "Parameters": show_parameters,
    "Configuration": show_configuration,
    "Module tree": show_tree,
    "Compute": show_compute,
    "Outputs": show_outputs,
    "Compare": show_comparison,
}

st.title("Anatomy", anchor=False)
st.markdown(
    "A model is a fixed set of matrices that every text passes through. Here is each of them: how large it is, "
    "what it is for, and what it costs."
)
model = chosen_model()
subject = Subject(model.title, model.config, type(model.network).__name__, model.has_pooler)

with errors_shown():
    headline = st.container()
    view = choose_view(VIEWS, key=navigation.VIEW[navigation.ANATOMY])
    if view == "Compute":  # the figures are for the length that is chosen there
        length = show_compute(subject)
        with headline:
            show_headline(subject, length)
    else:
        with headline:
            show_headline(subject, min(USUAL_LENGTH, anatomy(subject).positions))
        VIEWS[view](subject)
