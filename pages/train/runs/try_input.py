"""What trying a model shares between tasks: asking for texts, opening the model, drawing probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.charts.bars import horizontal_bars
from pages.shared.export import figure
from pages.shared.models import open_model

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.models.loading import Model
    from core.runs.folder import Run

MOST_BARS = 20
WAIT = "and leave the field (or press Ctrl + Enter)."


def model_of(run: Run) -> Model:
    """The run's model, with the attention that is fast, reading texts as when the run was scored."""
    from core.inference.run import as_scored

    return as_scored(open_model(run.id, attention="sdpa"), run)


def ask_texts(mapping: ColumnMapping) -> tuple[list[str], list[str] | None] | None:
    """A text, and a second one where the run learned from pairs; None, and a word why, while one is missing."""
    has_pair = mapping.pair_column is not None
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


def show_probabilities(names: list[str], shares: list[float], alt: str) -> None:
    """The likeliest first, so many as can be looked at."""
    ranked = sorted(zip(names, shares, strict=True), key=lambda entry: -entry[1])[:MOST_BARS]
    bars = horizontal_bars([name for name, _ in ranked], [share for _, share in ranked], title="", percent=True)
    figure(bars, key="try-chart", alt=alt)
