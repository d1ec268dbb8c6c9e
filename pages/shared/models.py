"""The model in use: chosen in the sidebar, opened once for everyone. Opening is the first moment torch is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import LabError
from core.models import catalogue
from pages.shared.text import plain, show_problem
from pages.shared.url_state import choose

if TYPE_CHECKING:
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
        f"{plain(model.title)}: {config.num_hidden_layers} layers × {config.num_attention_heads} heads, "
        f"{config.hidden_size} wide"
    )
    return model


def choose_reference(label: str, *, key: str, help: str) -> str:
    """A list of the models at hand, and a field for any other: a folder on this machine or a Hub name."""
    titles = {entry.reference: entry.title for entry in catalogue.entries()}
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


def open_model(reference: str, *, attention: str = "eager") -> Model:
    """The model called `reference`, shared by all sessions. Arguments and errors as `core.open_model`."""
    folder = catalogue.locate(reference)
    changed = (folder / "config.json").stat().st_mtime_ns if folder and (folder / "config.json").is_file() else 0
    return _opened(reference, str(folder), changed, attention)


def make_available(reference: str) -> None:
    """Fetch a Hub model now, where a failure can be told, and not in the middle of a run. Raises `LabError`."""
    if catalogue.locate(reference) is None:
        open_model(reference)


@st.cache_resource(max_entries=4, show_spinner="Opening the model …")
def _opened(reference: str, folder: str, changed: int, attention: str) -> Model:
    """`folder` and `changed` are part of the key: a model saved again under the same name is opened again."""
    from core.models.loading import open_model

    model = open_model(reference, attention=attention)
    _prepare_once()
    return model


@st.cache_resource(show_spinner=False)
def _prepare_once() -> None:
    from core.models.loading import prepare_for_serving

    prepare_for_serving()
