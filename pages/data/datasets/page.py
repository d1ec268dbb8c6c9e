"""Datasets: what is in a table of texts, what to fix before training on it, and the hand-over to training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import horizontal_bars
from core.data.column_mapping import CLASSIFICATION
from core.data.quality import profile as profiling
from core.errors import LabError, counted
from pages.data.datasets.health import show_health
from pages.data.datasets.repeats import examples, show_repeats
from pages.data.datasets.rows import show_rows
from pages.data.datasets.splits import show_splits
from pages.data.datasets.words import show_lengths, show_signs, show_typical
from pages.shared import data_source, navigation
from pages.shared.column_mapping import choose_mapping, edit_labels
from pages.shared.export import csv_button, figure
from pages.shared.preparation import applied_of, dataset_key, dataset_of, preparation_of
from pages.shared.reading_options import read_source, reading_settings
from pages.shared.text import errors_shown, plain
from pages.shared.url_state import choose_view

if TYPE_CHECKING:
    from core.data.column_mapping import ColumnMapping
    from core.data.dataset.dataset import Dataset
    from core.data.quality.profile import Profile
    from core.data.table import Table
    from pages.shared.preparation import FilePreparation

VIEWS = ("Health", "Rows", "Labels", "Lengths", "Extremes", "Typical words", "Repeats", "Scripts and signs", "Splits")
NEED_LABELS = ("Labels", "Typical words")
SHOWN_LABELS = 30
SHOWN_COLUMNS = 12


@st.cache_resource(max_entries=8, show_spinner="Counting …")
def profile_of(key: tuple, _dataset: Dataset) -> Profile:
    """The profile of a data set, measured once for each file, reading, choice of columns and layers."""
    return profiling.profile(_dataset)


def show_labels(profile: Profile) -> None:
    """How many rows each label has, and what a model has to beat."""
    counts = sorted(profile.label_counts, key=lambda entry: -entry[1])
    names, values = zip(*counts, strict=True)
    bars = horizontal_bars(names[:SHOWN_LABELS], values[:SHOWN_LABELS], title="Rows per label")
    figure(bars, key="labels", alt="Rows per label")
    share = values[0] / sum(values)
    st.markdown(
        f"{len(names)} labels. Always answering “{plain(names[0])}” would be right in **{share:.1%}** of the rows: "
        "a trained model has to beat that."
    )
    if len(names) > SHOWN_LABELS:
        st.caption(f"The {SHOWN_LABELS} most frequent are drawn.")
    csv_button("Counts as CSV", pd.DataFrame(counts, columns=["Label", "Rows"]), "labels")


def show_extremes(dataset: Dataset, profile: Profile) -> None:
    """The longest and the shortest texts."""
    for title, positions in (("Longest", profile.longest), ("Shortest", profile.shortest)):
        st.markdown(f"**{title}**")
        frame = examples(dataset, list(positions))
        frame.insert(1, "Words", [int(profile.word_lengths[position]) for position in positions])
        st.dataframe(frame, hide_index=True, alt=f"{title} texts")
        csv_button(f"{title} texts as CSV", frame, f"{title.lower()}-texts")


def show_view(
    view: str,
    key: tuple,
    reference: str,
    table: Table,
    mapping: ColumnMapping,
    preparation: FilePreparation,
    dataset: Dataset,
) -> None:
    """The views that need validated rows; `key` says which these are."""
    if view in NEED_LABELS and mapping.task != CLASSIFICATION:
        st.info("This view is for tasks that give each text one label.")
    elif view in NEED_LABELS and not dataset.label_names:
        st.info("Choose the column that holds the label to see this.")
    elif view == "Splits":
        show_splits(key, table, mapping, dataset, preparation)
    elif view == "Typical words":
        show_typical(key, dataset)
    elif view == "Scripts and signs":
        show_signs(key, dataset)
    else:
        profile = profile_of(key, dataset)
        if view == "Labels":
            show_labels(profile)
        elif view == "Lengths":
            show_lengths(key, dataset, profile)
        elif view == "Extremes":
            show_extremes(dataset, profile)
        else:
            show_repeats(reference, key, mapping, dataset, profile, preparation)


st.title("Datasets", anchor=False)
st.markdown("A table of texts, one a row: see what is in it before a model learns from it.")
reference = data_source.choose_source()
table = read_source(reference)
data_source.offer_deletion(reference, table.content_hash)
first_columns = ", ".join(map(plain, table.columns[:SHOWN_COLUMNS]))
st.markdown(f"**{counted(len(table), 'row')}**, {counted(len(table.columns), 'column')}: {first_columns}")
with st.expander("How the file was read", expanded=False):
    reading_settings(reference, table)
preparation = preparation_of(table, reference)
with errors_shown():
    mapping = choose_mapping(reference, table, preparation)
    key = dataset_key(table, mapping, preparation)
    edit_labels(table, mapping, preparation)
    dataset = problem = None
    try:
        dataset = dataset_of(table, mapping, preparation)
    except LabError as error:  # rows can be looked at, and fixed, whatever is wrong
        problem = error
    view = choose_view(VIEWS, key=navigation.VIEW[navigation.DATASETS])
    if view != "Rows":  # which say it themselves, and must not move while somebody types
        data_source.show_notices(dataset.notices if dataset else table.notices)
    if view == "Health":
        show_health(table, mapping, preparation)
    elif view == "Rows":
        named = (
            preparation.decided.labels(applied_of(table, mapping, preparation).selection, mapping) if dataset else ()
        )
        show_rows(table, mapping, preparation, named)
    elif dataset is not None:
        show_view(view, key, reference, table, mapping, preparation, dataset)
    if problem is not None:
        raise problem
    if not mapping.missing():
        st.page_link(
            navigation.FINE_TUNE,
            label="Train on this data",
            icon=":material/arrow_forward:",
            query_params={**data_source.address_of(reference), "task": mapping.task},
        )
