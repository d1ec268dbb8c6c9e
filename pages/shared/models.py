"""The model in use: chosen in the sidebar, opened once for everyone. Opening is the first moment torch is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import LabError
from core.explore import examples
from core.models import catalogue
from pages.shared.text import plain, show_problem
from pages.shared.url_state import choose, forget

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    import numpy as np

    from core.explore.tokens import Tokens
    from core.explore.trace import Trace
    from core.models.loading import Model

_OTHER = "other"


def chosen_model() -> Model:
    """Show the model chooser in the sidebar and open what it says; stops the page with a message when that fails."""
    with st.sidebar:
        reference = choose_reference("Model", key="model", help="Every Explore page looks inside this model.")
    try:
        model = open_model(reference)
    except LabError as error:
        show_problem(error)
        st.stop()
    config = model.config
    st.sidebar.caption(
        f"{plain(model.title)}: {model.layers} layers × {config.num_attention_heads} heads, {config.hidden_size} wide"
    )
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


def open_model(reference: str, *, attention: str = "eager") -> Model:
    """The model called `reference`, shared by all sessions. Arguments and errors as `core.open_model`."""
    return _opened(_version(reference), attention)


def make_available(reference: str) -> None:
    """Fetch a Hub model now, where a failure can be told, and not in the middle of a run. Raises `LabError`."""
    if catalogue.locate(reference) is None:
        open_model(reference)


def traced(model: Model, tokens: Tokens, *, padding: int = 0) -> Trace:
    """The forward pass of a text, run once for all who look at it. Arguments as `core.trace`."""
    return _traced(_version(model.reference), model, tokens, padding)


def agreement_of(model: Model, tokens: Tokens, *, padding: int = 0) -> Mapping[str, float]:
    """How closely that forward pass matches the network, measured once. Arguments as `core.trace`."""
    return _agreement(_version(model.reference), model, tokens, padding)


def thumbnails_of(model: Model, tokens: Tokens) -> np.ndarray:
    """Every head's attention to a text as a small picture, made once; as `core.explore.head_grid.thumbnails`."""
    return _thumbnails(_version(model.reference), model, tokens)


def _version(reference: str) -> tuple[str, str, int]:
    """Tells a model from one that was saved later under the same name."""
    folder = catalogue.locate(reference)
    changed = (folder / "config.json").stat().st_mtime_ns if folder and (folder / "config.json").is_file() else 0
    return reference, str(folder), changed


@st.cache_resource(max_entries=4, show_spinner="Opening the model …")
def _opened(version: tuple[str, str, int], attention: str) -> Model:
    from core.models.loading import open_model

    model = open_model(version[0], attention=attention)
    _prepare_once()
    return model


# Traces are shared and never written to. Twelve of BERT base, at 512 tokens each, take about 1.4 GB: 20 MB of hidden
# states each, and up to 96 MiB of what was derived from them.
@st.cache_resource(max_entries=12, show_spinner="Running the model …")
def _traced(version: tuple[str, str, int], _model: Model, tokens: Tokens, padding: int) -> Trace:
    from core.explore.trace import trace

    return trace(_model, tokens, padding=padding)


@st.cache_data(max_entries=100, show_spinner=False)
def _thumbnails(version: tuple[str, str, int], _model: Model, tokens: Tokens) -> np.ndarray:
    from core.explore.head_grid import thumbnails

    return thumbnails(_traced(version, _model, tokens, 0)).numpy()


@st.cache_data(max_entries=500, show_spinner="Comparing with the model's own numbers …")
def _agreement(version: tuple[str, str, int], _model: Model, tokens: Tokens, padding: int) -> Mapping[str, float]:
    from core.explore.agreement import agreement

    return agreement(_traced(version, _model, tokens, padding))


@st.cache_resource(show_spinner=False)
def _prepare_once() -> None:
    from core.models.loading import prepare_for_serving

    prepare_for_serving()
