"""Fine-tune, the data: rows of a file in the form of a task, checked, with what to fix before a run starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from core.data.columns.labels import labels_of
from core.data.dataset.notices import about_number
from core.errors import counted
from core.tasks import spec_of
from core.tasks.common import PAIR, TEXT
from core.training.estimate.token_lengths import lengths_of
from pages.shared import data_source
from pages.shared.column_mapping import choose_roles, open_findings, show_findings
from pages.shared.preparation import corrected_of, dataset_key, dataset_of, preparation_of
from pages.shared.reading_options import read_source
from pages.shared.text import plain

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.data.dataset.dataset import Dataset
    from core.data.dataset.notices import Finding
    from core.data.table import Table
    from core.training.estimate.token_lengths import Lengths
    from pages.shared.preparation import FilePreparation

SHOWN_LABELS = 8
TEXT_OR_PAIR = (TEXT, PAIR)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A data set as a task reads it. `label_names` is empty for tasks without; `lengths` are measured on a sample."""

    reference: str
    table: Table
    preparation: FilePreparation
    mapping: ColumnMapping
    dataset: Dataset
    label_names: tuple[str, ...]
    lengths: Lengths


def choose_data(task: str) -> Chosen | None:
    """File and columns; None, and what to do, while something is wrong with them. Raises `LabError`."""
    spec = spec_of(task)
    reference = data_source.choose_source()
    table = read_source(reference)
    preparation = preparation_of(table, reference)
    mapping = choose_roles(task, reference, table)
    findings = open_findings(table, mapping, preparation)
    show_findings([each for each in findings if each.severity != "fix"])
    wrong = [each for each in findings if each.severity == "fix"]
    for number, finding in enumerate(wrong):
        _show_wrong(number, finding, preparation)
    if wrong:
        return None
    dataset = dataset_of(table, mapping, preparation)
    if preparation.decided.splits is not None:
        preparation.decided.splits.restore(dataset)  # said now, and not by a run that fails
    key = (*dataset_key(table, mapping, preparation), mapping)
    names = dataset.label_names if spec.has_classes else _labels(key, table, mapping, dataset, preparation)
    chosen = Chosen(
        reference, table, preparation, mapping, dataset, names, _lengths(key, table, mapping, dataset, preparation)
    )
    st.caption(_in_words(chosen))
    data_source.show_notices(dataset.notices)
    data_source.show_notices(about_number(len(dataset), "text" if spec.inputs == TEXT_OR_PAIR else spec.noun))
    return chosen


def _show_wrong(number: int, finding: Finding, preparation: FilePreparation) -> None:
    """What stands between these columns and a training, and the fix where there is one."""
    if finding.key == "missing":
        st.info(f"{plain(finding.what)} {plain(finding.remedy)}", icon=":material/arrow_upward:")
        return
    st.error(f"**{plain(finding.what)}**\n\n{plain(finding.remedy)}", icon=":material/error:")
    if finding.step is not None:
        st.button(
            finding.step.title,
            key=f"fix-{number}-{finding.step.kind}",
            on_click=preparation.apply_step,
            args=(finding.step,),
            help="Recorded, and undone on the page Datasets with one click: the file itself stays as it is.",
        )


def _in_words(chosen: Chosen) -> str:
    """How many rows of what there are, and the labels by name."""
    mapping, count, spec = chosen.mapping, len(chosen.dataset), spec_of(chosen.mapping.task)
    if spec.inputs == TEXT_OR_PAIR:
        words = f"{count:,} {'pairs of texts' if mapping['pair'] else 'single texts'}"
    else:
        words = counted(count, spec.noun)
    words += spec.data_note.format(choices=len(mapping.all("choices")))
    if chosen.label_names:
        more = " …" if len(chosen.label_names) > SHOWN_LABELS else ""
        labels = ", ".join(map(plain, chosen.label_names[:SHOWN_LABELS]))
        words += f" {spec.labels_note.format(len(chosen.label_names))}: {labels}{more}"
    return words


@st.cache_data(max_entries=16, show_spinner="Looking at the labels …")
def _labels(
    key: tuple, _table: Table, _mapping: ColumnMapping, _dataset: Dataset, _preparation: FilePreparation
) -> tuple[str, ...]:
    return labels_of(corrected_of(_table, _preparation), _mapping, _dataset.row_ids.array)


@st.cache_data(max_entries=16, show_spinner="Looking at the lengths …")
def _lengths(
    key: tuple, _table: Table, _mapping: ColumnMapping, _dataset: Dataset, _preparation: FilePreparation
) -> Lengths:
    return lengths_of(_mapping, corrected_of(_table, _preparation), _dataset.row_ids.array)
