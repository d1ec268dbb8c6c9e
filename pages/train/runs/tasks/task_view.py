"""What a task must draw of itself on the page Runs, and what several tasks share: the table of mistakes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import streamlit as st

from pages.components.marked_text.marked_text import Block, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.column_mapping import ColumnMapping
    from core.reports.report import Report
    from core.runs.folder import Run
    from core.tasks import TaskSpec

MOST_TABLED = 200
MOST_MARKED = 20


class TaskView(ABC):
    """How a task looks: further scores, mistakes, and the fields of “Try it”. Keeps nothing."""

    spec: ClassVar[TaskSpec]
    # Which mistakes come first; may contain {wrong} and {rows}, their numbers, and {unit}, what is tagged.
    mistakes_intro: ClassVar[str]
    number_columns: ClassVar[tuple[str, ...]] = ()  # of the table of mistakes, with four digits
    opens_in_tokens: ClassVar[bool] = True  # whether “Try it” leads on to the page Tokens

    def show_more_scores(self, run: Run, report: Report) -> None:  # noqa: B027 - where the figures say it all
        """Tables and pictures below the figures."""

    def cells(self, row: Any) -> dict[str, Any]:
        """A mistake as the cells of a table, beside its number and its text."""
        return {}

    def show_mistakes(self, mistakes: Sequence[Any]) -> None:
        """The mistakes, the worst first."""
        if mistakes:
            table_of_mistakes(mistakes, [self.cells(row) for row in mistakes[:MOST_TABLED]], self.number_columns)

    @abstractmethod
    def try_it(self, run: Run, mapping: ColumnMapping) -> None:
        """The fields for texts of one's own, and what the model makes of them. `mapping` is that of the training."""


def table_of_mistakes(mistakes: Sequence[Any], cells: Sequence[dict[str, Any]], numbers: Sequence[str]) -> None:
    """Cells are drawn on a canvas, where no markup is read. On screen the first row is row 1."""
    rows = zip(mistakes, cells, strict=False)
    table = pd.DataFrame([{"Row": row.row + 1, "Text": row.text, **own} for row, own in rows])
    st.dataframe(
        table.dropna(axis="columns", how="all"),
        hide_index=True,
        column_config={"Probability": st.column_config.NumberColumn(format="percent")}
        | {name: st.column_config.NumberColumn(format="%.4g") for name in numbers},
        alt="Mistakes, the worst first",
    )
    _say_more(len(mistakes), MOST_TABLED)


def marked_mistakes(mistakes: Sequence[Any], blocks: Sequence[Block]) -> None:
    """Mistakes with the words marked where they stand."""
    marked(blocks, key="mistakes", label="Mistakes, the worst first")
    _say_more(len(mistakes), MOST_MARKED)


def _say_more(count: int, shown: int) -> None:
    if count > shown:
        st.caption(f"The worst {shown:,} of {count:,}; the CSV has every row.")
