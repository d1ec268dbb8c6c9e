"""What trying a model asks for: its texts, and a word where something is missing or too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared.models import open_model

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.models.loading import Model
    from core.runs.folder import Run

WAIT = "and leave the field (or press Ctrl + Enter)."


def model_of(run: Run) -> Model:
    """The run's model, with the attention that is fast, reading texts as when the run was scored."""
    from core.inference.run import as_scored

    return as_scored(open_model(run.id, attention="sdpa"), run)


def ask_texts(mapping: ColumnMapping) -> tuple[list[str], list[str] | None] | None:
    """A text, and a second one where the run learned from pairs; None, and a word why, while one is missing."""
    has_pair = mapping["pair"] is not None
    text = st.text_area("A text of your own", key="try", height=80, placeholder="Type what the model should judge")
    pair = st.text_area("Second text", key="try-pair", height=68) if has_pair else ""
    if not text.strip() or (has_pair and not pair.strip()):
        st.info(f"Type {'two texts' if has_pair else 'a text'} {WAIT}")
        return None
    return [text], [pair] if has_pair else None


def say_cut(model: Model, cut_count: int) -> None:
    """Whether the model read all of the text."""
    if cut_count:
        st.caption(f"The text was cut to {model.inference.max_length} tokens, as in the training and for the scores.")
