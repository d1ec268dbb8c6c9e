"""Which column plays which part in which task, with a live check; and the order and names of labels."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.data.mapping import ROLES, SEPARATORS, Mapping
from core.data.mapping_check import check_mapping
from core.data.mapping_guess import guess_mapping
from core.errors import LabError
from pages.shared import data
from pages.shared.data import CLASSIFICATION
from pages.shared.data_layers import applied_of
from pages.shared.text import plain
from pages.shared.url_state import choose

if TYPE_CHECKING:
    from core.data.mapping import Role
    from core.data.table import Table
    from pages.shared.data_layers import Layers

TASKS = {
    CLASSIFICATION: "Sort texts, or pairs of texts, into classes",
    "multi-label": "Several labels for each text",
    "regression": "A number for each text or pair",
    "token-classification": "A tag for each word",
    "question-answering": "Find the answer in a passage",
    "multiple-choice": "Choose one of several endings",
    "masked-language": "Learn the language of the texts",
}
ICONS = {"fix": ":material/error:", "look": ":material/info:", "good": ":material/check_circle:"}
SEPARATOR_TITLES = {",": "Comma", ";": "Semicolon", "|": "Bar", " ": "Space", "\t": "Tab"}
MOST_NAMED = 100


def choose_mapping(reference: str, table: Table, layers: Layers) -> Mapping:
    """The task, a column for each of its parts, and below what is wrong with the choice."""
    task = choose("What the model shall learn", TASKS, key="task")
    if task == CLASSIFICATION:
        columns = data.choose_columns(reference, table)
        kept = layers.preparation.mapping
        mapping = Mapping.of(task, text=columns.text, pair=columns.pair, label=columns.label)
        if kept is not None and kept.task == task and kept["label"] == columns.label:
            mapping = replace(mapping, label_order=kept.label_order, label_titles=kept.label_titles)
    else:
        mapping = _choose_roles(f"{reference}-{task}", table, task)
    _show_check(table, mapping, layers)
    if task != CLASSIFICATION:
        st.caption("Fine-tune learns classes so far. For this task, rows can be looked at, checked and mended here.")
    return mapping


def _show_check(table: Table, mapping: Mapping, layers: Layers) -> None:
    """What does not fit, corrections and fixes taken into account."""
    left = None
    if not mapping.missing():
        with suppress(LabError):
            left = applied_of(table, replace(mapping.as_columns(), label=None), layers).draft.row_ids
            table = layers.edits.apply(table)
    for finding in check_mapping(table, mapping):
        if left is not None and len(finding.rows) and not np.isin(finding.rows.array, left).any():
            continue  # a fix has dropped these rows
        st.caption(f"{ICONS[finding.severity]} {plain(finding.what)} {plain(finding.remedy)}")


def _choose_roles(key: str, table: Table, task: str) -> Mapping:
    """One list a part, beginning with what the names and the cells suggest."""
    guess = guess_mapping(table, task)
    chosen: dict[str, object] = {}
    for column, role in zip(st.columns(len(ROLES[task])), ROLES[task], strict=True):
        with column:
            chosen[role.name] = _choose_role(f"{role.name}-{key}", table, role, guess)
    mapping = Mapping.of(task, **chosen)
    if task == "multi-label" and len(mapping.all("labels")) == 1:
        signs = (*SEPARATORS,)
        start = signs.index(guess.separator) if guess.separator in signs else 0
        sign = st.selectbox("Labels are parted by", signs, start, format_func=SEPARATOR_TITLES.get, key=f"sign-{key}")
        mapping = replace(mapping, separator=sign)
    return mapping


def _choose_role(key: str, table: Table, role: Role, guess: Mapping) -> list[str] | str | None:
    names = list(table.columns)
    if role.is_list:
        return st.multiselect(role.title, names, list(guess.all(role.name)), key=key, help=role.help)
    options = names if role.is_required and guess[role.name] else [data.NO_COLUMN, *names]
    chosen = st.selectbox(
        role.title, options, options.index(guess[role.name] or data.NO_COLUMN), key=key, help=role.help
    )
    return None if chosen == data.NO_COLUMN else chosen


def edit_labels(table: Table, mapping: Mapping, layers: Layers) -> None:
    """The number and the name of each label: a model keeps both (`id2label`)."""
    if mapping.task != CLASSIFICATION or mapping["label"] is None:
        return
    columns = mapping.as_columns()
    named = layers.preparation.labels(applied_of(table, columns, layers).draft, columns)
    if not 1 < len(named) <= MOST_NAMED:
        return
    with st.expander("Order and names of the labels", icon=":material/label:"):
        st.caption("The number is what the model predicts, the name what people read. Both are kept with the model.")
        labels = [label for label, _ in named]
        frame = pd.DataFrame({"Number": range(len(named)), "In the file": labels, "Name": [name for _, name in named]})
        key = f"label-names-{layers.content_hash[:16]}-{layers.mark}-{mapping['label']}"

        def rename() -> None:
            order, names = list(labels), dict(named)
            for place, cells in st.session_state[key]["edited_rows"].items():
                label = labels[int(place)]
                names[label] = str(cells.get("Name", names[label]))
                if "Number" in cells:
                    order.remove(label)
                    order.insert(int(cells["Number"]), label)
            try:
                layers.keep(mapping.with_labels(order, names))
            except LabError as problem:
                st.session_state["layers-problem"] = problem

        st.data_editor(
            frame,
            key=key,
            on_change=rename,
            hide_index=True,
            disabled=["In the file"],
            column_config={"Number": st.column_config.NumberColumn(min_value=0, step=1, required=True)},
        )
