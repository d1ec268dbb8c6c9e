"""Hidden words: how many were found, and what stands behind a [MASK]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core.charts.bars import horizontal_bars
from core.errors import counted
from core.tasks.masked_language import SPEC
from pages.shared import navigation
from pages.shared.export import figure
from pages.shared.url_state import LONGEST_IN_URL
from pages.train.runs.tasks.task_view import TaskView
from pages.train.runs.try_input import WAIT, model_of

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.reports.report import Report
    from core.reports.scored_rows import LanguageRow
    from core.runs.folder import Run


MOST_GUESSES = 5  # for each mask, and masks


class MaskedLanguageView(TaskView):
    spec = SPEC
    mistakes_intro = "The texts whose hidden tokens surprised the model most come first."
    number_columns = ("Loss",)
    opens_in_tokens = False

    def show_more_scores(self, run: Run, report: Report) -> None:
        scores = report.metrics
        words = f"Hidden in these texts: {counted(scores.get('masked_pieces', 0), 'token')}."
        if pairs := scores.get("next_sentence_pairs"):
            words += f" {counted(pairs, 'pair')} of sentences were judged, of which half do not belong together."
        st.caption(words)

    def cells(self, row: LanguageRow) -> dict[str, Any]:
        return {"Hidden": row.hidden, "Found": row.found, "Loss": row.loss}

    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        text = st.text_area(
            "A text with [MASK]", key="try", height=80, placeholder="Write [MASK] where a word is missing"
        )
        query = {"model": run.id}
        if text.strip() and len(text) <= LONGEST_IN_URL:
            query["sentence"] = text
        st.page_link(
            navigation.FILL_MASK,
            label="Fill the [MASK] with this model",
            icon=":material/edit_note:",
            query_params=query,
        )
        if not text.strip():
            st.info(f"Type a text, write [MASK] where a word is missing, {WAIT}")
            return
        model = model_of(run)  # loads what the next line needs

        from core.explore.fill_mask.fill_mask import fill_mask

        for place, guesses in enumerate(fill_mask(model, text, top_k=MOST_GUESSES)[:MOST_GUESSES], 1):
            names, shares = zip(*guesses, strict=True)
            bars = horizontal_bars(names, shares, title=f"Mask {place}", percent=True)
            figure(bars, key=f"try-mask-{place}", alt=f"What stands at mask {place}: {', '.join(names)}")
