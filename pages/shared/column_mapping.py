"""Which column plays which part in which task, with a live check; and the order and names of labels."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.data.column_mapping import CLASSIFICATION, SEPARATORS, ColumnMapping
from core.data.columns.check import check_mapping
from core.data.columns.guess import guess_mapping
from core.data.columns.task_guess import guess_task
from core.data.decisions import changes
from core.data.decisions.fixed import selected_data
from core.data.sources.sample_sets import samples
from core.errors import LabError
from core.tasks import SPECS, spec_of
from pages.shared import kept
from pages.shared.live_editor import live_editor
from pages.shared.preparation import applied_of, corrected_of
from pages.shared.text import digest, plain, report_errors
from pages.shared.url_state import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.data.dataset.notices import Finding
    from core.data.table import Table
    from core.tasks import Role
    from pages.shared.live_editor import Typed
    from pages.shared.preparation import FilePreparation

    Change = Callable[[ColumnMapping | None], ColumnMapping]

TASK = "task"  # the key of the session state, and of the address
NO_COLUMN = "(none)"
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
    """What the model should learn; the pages share the choice, and it stands in the address."""
    task = choose("What the model should learn", TASKS, key=TASK)
    st.caption(spec_of(task).meaning)
    return task


def choose_mapping(reference: str, table: Table, preparation: FilePreparation) -> ColumnMapping:
    """The task, a column for each of its parts, and below what is wrong with the choice. For the page Datasets."""
    mapping = choose_roles(choose_task(), reference, table)
    show_findings(open_findings(table, mapping, preparation))
    return mapping


def choose_roles(task: str, reference: str, table: Table) -> ColumnMapping:
    """A column for each part of a task, and another task where the table looks like it."""
    mapping = choose_columns(task, reference, table)
    _suggest_task(table, mapping)
    return mapping


def choose_columns(task: str, reference: str, table: Table) -> ColumnMapping:
    """A column for each part of a task, and the sign that parts several labels in one cell.

    Begins with the choice kept for the file, else guessed. A change is kept, so that it is there tomorrow, too; one
    that another tab keeps is taken over.
    """
    guess = _kept_columns(task, table) or _columns_of_sample(task, reference) or guess_mapping(table, task)
    kept.show_guess(table.content_hash, guess)
    by_others = kept.times_changed_by_others(table.content_hash, ColumnMapping)
    key = f"{reference}-{task}-{hash(table.columns)}-{by_others}"

    def keep(change: Change) -> None:
        kept.update(table.content_hash, ColumnMapping, change, reference=reference)

    roles = spec_of(task).roles
    chosen: dict[str, list[str] | str | None] = {}
    for column, role in zip(st.columns(len(roles)), roles, strict=True):
        with column:
            chosen[role.name] = _choose_role(f"{role.name}-{key}", table, role, guess, keep)
    mapping = ColumnMapping.of(task, **chosen)
    if len(mapping.all("labels")) == 1:
        mapping = replace(mapping, separator=_choose_separator(f"sign-{key}", table, mapping, guess, keep))
    label_role = spec_of(task).label_role
    if label_role is None or mapping.all(label_role.name) == guess.all(label_role.name):
        mapping = replace(mapping, label_order=guess.label_order, label_titles=guess.label_titles)
    return mapping


def _kept_columns(task: str, table: Table) -> ColumnMapping | None:
    """The choice kept for this file, where it is for this task and still fits how the file is read."""
    with suppress(LabError):
        mapping = kept.load(table.content_hash, ColumnMapping)
        if mapping is not None and mapping.task == task:
            return mapping if mapping.used() <= set(table.columns) else None
    return None


def _columns_of_sample(task: str, reference: str) -> ColumnMapping | None:
    found = (sample.mapping for sample in samples() if sample.reference == reference)
    return next((mapping for mapping in found if mapping.task == task), None)


def _suggest_task(table: Table, mapping: ColumnMapping) -> None:
    """Another task, when the table looks like it and the present one is the first of the list or lacks a column."""
    likely = _likely_task((table.content_hash, table.options), table)
    if likely == mapping.task or (mapping.task != CLASSIFICATION and not mapping.missing()):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/lightbulb: This table looks made for “{TASKS[likely]}”.", width="content")
        st.button("Take this task", key="take-task", on_click=st.session_state.update, args=({TASK: likely},))


@st.cache_data(max_entries=64, show_spinner=False)
def _likely_task(key: tuple, _table: Table) -> str:
    return guess_task(_table)


def open_findings(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> list[Finding]:
    """What does not fit, or that all does, in what corrections and fixes have left."""
    return list(_checked((table.content_hash, table.options, preparation.digest, mapping), table, mapping, preparation))


@st.cache_data(max_entries=16, show_spinner="Checking the columns …")
def _checked(key: tuple, _table: Table, _mapping: ColumnMapping, _preparation: FilePreparation) -> tuple[Finding, ...]:
    if _mapping.missing():
        return check_mapping(_table, _mapping)
    try:
        selection = applied_of(_table, _mapping, _preparation).selection
    except LabError:  # the columns or the fixes do not fit: the file as it is says why
        return check_mapping(_table, _mapping)
    left = replace(_table, data=selected_data(corrected_of(_table, _preparation), _mapping, selection))
    return check_mapping(left, _mapping, selection.row_ids)


def show_findings(findings: Sequence[Finding]) -> None:
    """Each finding with what to do about it."""
    for finding in findings:
        st.caption(f"{ICONS[finding.severity]} {plain(finding.what)} {plain(finding.remedy)}")


def _choose_separator(
    key: str, table: Table, mapping: ColumnMapping, guess: ColumnMapping, keep: Callable[[Change], None]
) -> str | None:
    signs = (None, *SEPARATORS)

    def keep_sign() -> None:
        keep(changes.choose_separator(mapping, st.session_state[key], there=table.columns))

    return st.selectbox(
        "Labels are parted by",
        signs,
        signs.index(guess.separator),
        format_func=SEPARATOR_TITLES.__getitem__,
        key=key,
        persist_state="session",
        width=300,
        on_change=report_errors,
        args=(keep_sign,),
    )


def _choose_role(
    key: str, table: Table, role: Role, guess: ColumnMapping, keep: Callable[[Change], None]
) -> list[str] | str | None:
    names = list(table.columns)

    def keep_role() -> None:
        chosen = st.session_state[key]
        keep(changes.choose_columns(guess, role.name, None if chosen == NO_COLUMN else chosen, there=table.columns))

    more = {"key": key, "help": role.help, "persist_state": "session", "on_change": report_errors, "args": (keep_role,)}
    if role.is_list:
        return st.multiselect(role.title, names, list(guess.all(role.name)), **more)
    is_class = role.holds == "label"  # texts without labels can be looked at, too
    options = names if role.is_required and guess[role.name] and not is_class else [NO_COLUMN, *names]
    chosen = st.selectbox(role.title, options, options.index(guess[role.name] or NO_COLUMN), **more)
    return None if chosen == NO_COLUMN else chosen


def edit_labels(table: Table, mapping: ColumnMapping, preparation: FilePreparation) -> None:
    """The number and the name of each label: a model keeps both (`id2label`)."""
    if mapping.label_column is None:
        return
    named = preparation.decided.labels(applied_of(table, mapping, preparation).selection, mapping)
    if not 1 < len(named) <= MOST_NAMED:
        return
    with st.expander("Order and names of the labels", icon=":material/label:"):
        st.caption("The number is what the model predicts, the name what people read. Both are kept with the model.")
        labels = [label for label, _ in named]
        frame = pd.DataFrame({"Number": range(len(named)), "In the file": labels, "Name": [name for _, name in named]})

        def rename(typed: list[Typed]) -> None:
            names = {labels[each.place]: each.value or "" for each in typed if each.column == "Name"}
            places = {labels[each.place]: int(each.value) for each in typed if each.column == "Number"}
            preparation.update(ColumnMapping, changes.name_labels(mapping, labels, names, places))

        live_editor(
            frame,
            name="label-names",
            identity=digest(preparation.content_hash, mapping.label_column, labels),
            on_typed=rename,
            hide_index=True,
            disabled=["In the file"],
            column_config={"Number": st.column_config.NumberColumn(min_value=0, step=1, required=True)},
        )
