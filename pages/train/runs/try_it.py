"""Trying a run's model on texts of one's own, in the form of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.runs.folder import Run
from pages.shared import navigation
from pages.train.runs.tasks import view_of

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping


def show_try(run: Run, mapping: ColumnMapping) -> None:
    """The fields that the task asks for, and below what the model makes of them. `mapping` is that of the training."""
    view = view_of(mapping.task)
    view.try_it(run, mapping)
    if view.opens_in_tokens:
        st.page_link(
            navigation.TOKENS,
            label="Open this model in Tokens",
            icon=":material/match_word:",
            query_params={"model": run.id},
        )
