"""Predicting a whole file with a run's model: which columns it reads, the work with its bar, and the CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.data.column_mapping import ColumnMapping
from core.data.columns.guess import guess_mapping
from core.errors import counted
from core.runs.folder import Run
from pages.shared import data_source
from pages.shared.export import csv_button
from pages.shared.models import fingerprint_of
from pages.shared.on_demand import on_demand
from pages.shared.reading_options import read_source
from pages.train.runs.try_input import model_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.table import Table
    from core.inference.table import PredictedTable
    from core.tasks import Role

SHOWN_ROWS = 200
CHANCES = ("Probability", "Score", "No answer score")


def show_predict(run: Run, learned: ColumnMapping) -> None:
    """A file, its columns, and what the model says to each row. `learned` are the columns of the training."""
    from core.inference.table import inputs_of, predict_table

    st.markdown("Let the model judge every row of a file. The rows need no labels.")
    reference = data_source.choose_source()
    table = read_source(reference)
    data_source.tell_untouched(table)
    wanted = [role for role in inputs_of(learned.task) if learned.all(role.name)]
    mapping = _choose_columns(f"{run.id}-{reference}-{hash(table.columns)}", learned, wanted, table)
    missing = [role.title for role in wanted if not mapping.all(role.name)]
    if missing or len(mapping.all("choices")) == 1:
        st.info(f"Choose the column of: {', '.join(missing) or 'a second choice'}.", icon=":material/arrow_upward:")
        return

    def work(progress) -> PredictedTable:
        model, total = model_of(run), len(table)
        return predict_table(model, table, mapping, on_progress=lambda done: progress(done, total))

    rows = counted(len(table), "row")
    found = on_demand(
        "predicted",
        (run.id, fingerprint_of(run.id), table.content_hash, table.options, mapping),
        work,
        button=f"Predict {rows}",
        words="Runs on this machine's processor; a bar shows how far it is, and it can be cancelled.",
        doing="Predicting",
        icon=":material/play_arrow:",
    )
    if found is not None:
        _show_found(found, run)


def _choose_columns(key: str, learned: ColumnMapping, wanted: Sequence[Role], table: Table) -> ColumnMapping:
    """A column for each part that is read: called as in the training data where there is such a one, else guessed."""
    guess = guess_mapping(table, learned.task)
    chosen: dict[str, object] = {}
    for place, role in zip(st.columns(max(len(wanted), 2))[: len(wanted)], wanted, strict=True):
        known = learned.all(role.name)
        first = known if set(known) <= set(table.columns) else guess.all(role.name)
        with place:
            chosen[role.name] = _choose_column(f"predict-{role.name}-{key}", table, role, list(first))
    return ColumnMapping.of(learned.task, **chosen)


def _choose_column(key: str, table: Table, role: Role, first: list[str]) -> list[str] | str | None:
    names = list(table.columns)
    more = {"key": key, "help": role.help, "persist_state": "session"}
    if role.is_list:
        return st.multiselect(role.title, names, first, **more)
    return st.selectbox(role.title, names, names.index(first[0]) if first else None, **more)


def _show_found(found: PredictedTable, run: Run) -> None:
    csv_button("Predictions as CSV", found.to_csv, f"predicted-{run.id}")
    words = "In the order of the file. The CSV counts rows from 0, as all files of a run do."
    if found.cut_count:
        words += f" Cut to the length that was trained and scored: {counted(found.cut_count, 'row')}."
    st.caption(words)
    shown = pd.DataFrame({name: list(cells[:SHOWN_ROWS]) for name, cells in found.columns.items()})
    shown["row"] += 1
    if "start" in shown:
        shown["start"] = pd.to_numeric(shown["start"])  # empty where there is no answer
    shown.columns = [name if name.startswith("p_") else name.replace("_", " ").capitalize() for name in shown.columns]
    percent = st.column_config.NumberColumn(format="percent")
    chances = [name for name in shown.columns if name.startswith("p_") or name in CHANCES]
    percents = dict.fromkeys(chances, percent)
    st.dataframe(shown, hide_index=True, placeholder="", column_config=percents, alt="Predictions, first rows")
    if len(found) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS:,} of {len(found):,} rows.")
