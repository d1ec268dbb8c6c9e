"""Which column plays which part in which task, with a live check; and the order and names of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.data.column_mapping import SEPARATORS, ColumnMapping
from core.data.columns.check import check_mapping
from core.data.columns.mapping_guess import guess_mapping
from core.data.columns.task_guess import guess_task
from core.data.decisions.changes import choose_columns, choose_separator, name_labels
from core.data.decisions.fixed import drafted
from core.errors import LabError
from core.tasks import SPECS, spec_of
from pages.shared import data_source, kept
from pages.shared.data_source import CLASSIFICATION
from pages.shared.live_editor import live_editor
from pages.shared.preparation import applied_of, corrected_of
from pages.shared.text import digest, plain, report_errors
from pages.shared.url_state import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.data.columns.guess import Columns
    from core.data.dataset.finding import Finding
    from core.data.table import Table
    from core.tasks import Role
    from pages.shared.live_editor import Typed
    from pages.shared.preparation import FilePreparation

TASKS = {name: spec.title for name, spec in SPECS.items()}
ICONS = {"fix": ":material/error:", "warn": ":material/info:", "good": ":material/check_circle:"}
SEPARATOR_TITLES = {
    None: "Spaces, or as a JSON list",
    ",": "Comma",
    ";": "Semicolon",
    "|": "Bar",
    " ": "Space",
    "\t": "Tab",
}
MOST_NAMED = 100


def choose_task() -> str:
    """What shall be learned; the pages share the choice, and it stands in the address."""
    task = choose("What the model shall learn", TASKS, key="task")
    st.caption(spec_of(task).meaning)
    return task


def choose_mapping(reference: str, table: Table, preparation: FilePreparation) -> ColumnMapping:
    """The task, a column for each of its parts, and below what is wrong with the choice. For the page Datasets."""
    mapping = choose_roles(choose_task(), reference, table, preparation)
    show_findings(open_findings(table, mapping, preparation))
    return mapping


def choose_roles(task: str, reference: str, table: Table, preparation: FilePreparation) -> ColumnMapping:
    """A column for each part of a task, and another task where the table looks like it."""
    if task == CLASSIFICATION:
        mapping = _choose_classes(reference, table, preparation.decided.mapping)
    else:
        mapping = _choose_kept(task, reference, table, preparation)
    _suggest_task(table, mapping)
    return mapping


def _choose_classes(reference: str, table: Table, kept: ColumnMapping | None) -> ColumnMapping:
    columns = data_source.choose_columns(reference, table)
    mapping = ColumnMapping.of(CLASSIFICATION, text=columns.text, pair=columns.pair, label=columns.label)
    if kept is not None and kept.task == CLASSIFICATION and kept["label"] == columns.label:
        mapping = replace(mapping, label_order=kept.label_order, label_titles=kept.label_titles)
    return mapping


def _choose_kept(task: str, reference: str, table: Table, preparation: FilePreparation) -> ColumnMapping:
    """Beginning with what was kept, else guessed. A choice is kept for the file."""
    kept_now = preparation.decided.mapping
    guess = guess_mapping(table, task)
    if kept_now is not None and kept_now.task == task and _stand_in(table, kept_now):
        guess = kept_now
    kept.show_guess(preparation.content_hash, guess)
    by_others = kept.times_changed_by_others(preparation.content_hash, ColumnMapping)
    return _choose_roles(f"{reference}-{task}-{hash(table.columns)}-{by_others}", table, guess, preparation)


def _suggest_task(table: Table, mapping: ColumnMapping) -> None:
    """Another task, when the table looks like it and the present one is the first of the list or lacks a column."""
    likely = _likely_task((table.content_hash, table.options), table)
    if likely == mapping.task or (mapping.task != CLASSIFICATION and not mapping.missing()):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/lightbulb: This table looks made for “{TASKS[likely]}”.", width="content")
        st.button("Take this task", key="take-task", on_click=st.session_state.update, args=({"task": likely},))


@st.cache_data(max_entries=64, show_spinner=False)
def _likely_task(key: tuple, _table: Table) -> str:
    return guess_task(_table)


def open_findings(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> list[Finding]:
    """What does not fit, or that all does, in what corrections and fixes have left."""
    return list(_checked((table.content_hash, table.options, preparation.digest, mapping), table, mapping, preparation))


def text_and_classes(mapping: ColumnMapping) -> Columns:
    """The columns of a data set: its texts and, where labels are classes, the label. Tags and numbers are none."""
    columns = mapping.as_columns()
    return columns if mapping.task == CLASSIFICATION else replace(columns, label=None)


@st.cache_data(max_entries=16, show_spinner="Checking the columns …")
def _checked(key: tuple, _table: Table, _mapping: ColumnMapping, _preparation: FilePreparation) -> tuple[Finding, ...]:
    if _mapping.missing():
        return check_mapping(_table, _mapping)
    try:
        columns = text_and_classes(_mapping)
        selection = applied_of(_table, columns, _preparation).selection
    except LabError:  # the columns or the fixes do not fit: the file as it is says why
        return check_mapping(_table, _mapping)
    left = replace(_table, data=drafted(corrected_of(_table, _preparation), columns, selection))
    return check_mapping(left, _mapping, selection.row_ids)


def show_findings(findings: Sequence[Finding]) -> None:
    """Each finding with what to do about it."""
    for finding in findings:
        st.caption(f"{ICONS[finding.severity]} {plain(finding.what)} {plain(finding.remedy)}")


def _stand_in(table: Table, mapping: ColumnMapping) -> bool:
    """Whether a table has all columns of a mapping that was kept."""
    return {name for _, columns in mapping.columns for name in columns} <= set(table.columns)


def _choose_roles(key: str, table: Table, guess: ColumnMapping, preparation: FilePreparation) -> ColumnMapping:
    """One list a part, and the sign that parts several labels in one cell."""
    task, roles = guess.task, spec_of(guess.task).roles
    chosen: dict[str, object] = {}
    for column, role in zip(st.columns(len(roles)), roles, strict=True):
        with column:
            chosen[role.name] = _choose_role(f"{role.name}-{key}", table, role, guess, preparation)
    mapping = ColumnMapping.of(task, **chosen)
    if len(mapping.all("labels")) == 1:
        signs = (None, *SEPARATORS)

        def keep_sign() -> None:
            change = choose_separator(mapping, st.session_state[f"sign-{key}"], there=table.columns)
            preparation.update(ColumnMapping, change)

        sign = st.selectbox(
            "Labels are parted by",
            signs,
            signs.index(guess.separator),
            format_func=SEPARATOR_TITLES.get,
            key=f"sign-{key}",
            persist_state="session",
            width=300,
            on_change=report_errors,
            args=(keep_sign,),
        )
        mapping = replace(mapping, separator=sign)
    if mapping.columns == guess.columns:
        mapping = replace(mapping, label_order=guess.label_order, label_titles=guess.label_titles)
    return mapping


def _choose_role(
    key: str, table: Table, role: Role, guess: ColumnMapping, preparation: FilePreparation
) -> list[str] | str | None:
    names = list(table.columns)

    def keep_role() -> None:
        chosen = st.session_state[key]
        change = choose_columns(
            guess, role.name, None if chosen == data_source.NO_COLUMN else chosen, there=table.columns
        )
        preparation.update(ColumnMapping, change)

    more = {"key": key, "help": role.help, "persist_state": "session", "on_change": report_errors, "args": (keep_role,)}
    if role.is_list:
        return st.multiselect(role.title, names, list(guess.all(role.name)), **more)
    options = names if role.is_required and guess[role.name] else [data_source.NO_COLUMN, *names]
    chosen = st.selectbox(role.title, options, options.index(guess[role.name] or data_source.NO_COLUMN), **more)
    return None if chosen == data_source.NO_COLUMN else chosen


def edit_labels(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> None:
    """The number and the name of each label: a model keeps both (`id2label`)."""
    if mapping.task != CLASSIFICATION or mapping["label"] is None:
        return
    columns = mapping.as_columns()
    named = preparation.decided.labels(applied_of(table, columns, preparation).selection, columns)
    if not 1 < len(named) <= MOST_NAMED:
        return
    with st.expander("Order and names of the labels", icon=":material/label:"):
        st.caption("The number is what the model predicts, the name what people read. Both are kept with the model.")
        labels = [label for label, _ in named]
        frame = pd.DataFrame({"Number": range(len(named)), "In the file": labels, "Name": [name for _, name in named]})

        def rename(typed: list[Typed]) -> None:
            names = {labels[each.place]: each.value or "" for each in typed if each.column == "Name"}
            places = {labels[each.place]: int(each.value) for each in typed if each.column == "Number"}
            preparation.update(ColumnMapping, name_labels(mapping, labels, names, places))

        live_editor(
            frame,
            name="label-names",
            identity=digest(preparation.content_hash, mapping["label"], labels),
            on_typed=rename,
            hide_index=True,
            disabled=["In the file"],
            column_config={"Number": st.column_config.NumberColumn(min_value=0, step=1, required=True)},
        )
