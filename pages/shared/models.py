"""The model in use: chosen in the sidebar, opened once for everyone. Opening is the first moment torch is imported."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import streamlit as st

from core.errors import LabError
from core.explore import examples
from core.models import catalogue
from core.models.fingerprint import fingerprint
from pages.shared.text import plain, show_error
from pages.shared.url_state import choose, forget

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from contextlib import AbstractContextManager

    import numpy as np

    from core.explore.tokens import Tokens
    from core.explore.trace import Trace
    from core.models.loading import Model

# Keys of the session's state, in the address, too: the model looked at, and others that stand beside it
MODEL, SECOND_MODEL, COMPARED_MODEL = "model", "second-model", "compared-model"
_OTHER = "other"


def chosen_model() -> Model:
    """Show the model chooser in the sidebar and open what it says; stops the page with a message when that fails."""
    with st.sidebar:
        reference = choose_reference("Model", key=MODEL, help="Every Explore page looks inside this model.")
    try:
        model = open_model(reference)
    except LabError as error:
        show_error(error)
        st.stop()
    config = model.config
    st.sidebar.caption(
        f"{plain(model.title)}: {model.layers} layers × {config.num_attention_heads} heads, {config.hidden_size} wide"
    )
    for notice in model.notices:
        st.sidebar.caption(f":material/info: {plain(notice)}")
    return model


def choose_reference(label: str, *, key: str, help: str, leave_out: Container[str] = ()) -> str:
    """A list of the models at hand, and a field for any other: a folder on this machine or a Hub name."""
    titles = {entry.reference: entry.title for entry in catalogue.entries() if entry.reference not in leave_out}
    if st.query_params.get(key) in leave_out:
        forget(key)
    chosen = choose(label, titles | {_OTHER: "Another model …"}, key=key, help=help)
    if chosen != _OTHER:
        return chosen
    named = st.selectbox(
        "Hub name or folder",
        catalogue.HUB_SUGGESTIONS,
        index=None,
        placeholder="Choose or type one",
        key=f"{key}-name",
        accept_new_options=True,
        help="A name on the Hugging Face Hub (needs a network), or the path of a model folder on this machine.",
        bind="query-params",
    )
    if not named:
        st.info("Choose a name from the list, or type one, or the path of a folder.")
        st.stop()
    return named


def example(model: Model, usual: str, teaching: str = examples.TEACHING.text) -> str:
    """The text a page starts with: its usual one, or one that the teaching model, which knows 13 words, can read."""
    return teaching if model.reference == catalogue.TEACHING else usual


def example_pair(model: Model, usual: str) -> str:
    """As `example`, for a second text."""
    return examples.TEACHING.pair if model.reference == catalogue.TEACHING else usual


def load_engine() -> None:
    """Load torch and transformers, by the first who comes while all others wait.

    transformers loads its parts when they are first named, and two threads that do so at once find some of them half
    loaded. Python lets one thread at a time import a module, and so all that this one imports.
    """
    import core.models.loading  # noqa: F401


def open_model(reference: str, *, attention: str = "eager") -> Model:
    """The model called `reference`, shared by all sessions. Arguments and errors as `core.open_model`."""
    with _waiting("Opening the model …", _loaded("core.models.shared") and _is_open(reference)):
        from core.models.shared import open_shared

        model = open_shared(reference, attention=attention)
    _prepare_once()
    return model


def fingerprint_of(reference: str) -> str:
    """Which model lies under a name now, without opening it: what is remembered of it goes by this.

    The reference itself for a Hub model, whose files may not be here yet. Raises `LabError`.
    """
    folder = catalogue.locate(reference)
    return reference if folder is None else fingerprint(folder)


def make_available(reference: str) -> None:
    """Fetch a Hub model now, where a failure can be told, and not in the middle of a run. Raises `LabError`."""
    if catalogue.locate(reference) is None:
        open_model(reference)


def traced(model: Model, tokens: Tokens, *, padding: int = 0) -> Trace:
    """The forward pass of a text, run once for all who look at it. Arguments as `core.trace`."""
    from core.explore.shared_traces import is_traced, shared_trace

    with _waiting("Running the model …", is_traced(model, tokens, padding=padding)):
        return shared_trace(model, tokens, padding=padding)


def agreement_of(model: Model, tokens: Tokens, *, padding: int = 0) -> Mapping[str, float]:
    """How closely that forward pass matches the network, measured once. Arguments as `core.trace`."""
    return _agreement(model.fingerprint, model, tokens, padding)


def thumbnails_of(model: Model, tokens: Tokens) -> np.ndarray:
    """Every head's attention to a text as a small picture, made once; as `core.explore.attention.head_grid` does."""
    return _thumbnails(model.fingerprint, model, tokens)


@st.cache_data(max_entries=100, show_spinner=False)  # 0.3 MB each for BERT base, 0.9 for BERT large
def _thumbnails(fingerprint: str, _model: Model, tokens: Tokens) -> np.ndarray:
    from core.explore.attention.head_grid import thumbnails

    return thumbnails(traced(_model, tokens)).numpy()


@st.cache_data(max_entries=500, show_spinner="Comparing with the model's own numbers …")
def _agreement(fingerprint: str, _model: Model, tokens: Tokens, padding: int) -> Mapping[str, float]:
    from core.explore.agreement import agreement

    return agreement(traced(_model, tokens, padding=padding))


def _waiting(words: str, is_there: bool) -> AbstractContextManager:
    """A spinner with these words, where there is something to wait for."""
    return nullcontext() if is_there else st.spinner(words)


def _loaded(module: str) -> bool:
    return module in sys.modules


def _is_open(reference: str) -> bool:
    from core.models.shared import is_open

    return is_open(reference)


@st.cache_resource(show_spinner=False)
def _prepare_once() -> None:
    from core.models.loading import prepare_for_serving

    prepare_for_serving()
