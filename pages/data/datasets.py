"""Datasets: what is in a table of texts, and what to mend before training on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.bars import histogram, horizontal_bars
from core.data import profile as profiling
from core.data.columns import Columns
from core.data.reading import ReadOptions
from pages.shared import data, pages
from pages.shared.export import csv_button, figure
from pages.shared.models import open_model
from pages.shared.text import plain, problems_shown

if TYPE_CHECKING:
    from core.data.dataset import Dataset
    from core.data.profile import Profile
    from core.data.table import Table

VIEWS = ("Rows", "Labels", "Lengths", "Extremes", "Repeats")
SHOWN_ROWS = 200
SHOWN_LABELS = 30
MOST_CUT_TEXTS = 20_000


@st.cache_data(max_entries=16, show_spinner="Counting …")
def profile_of(
    _dataset: Dataset, content_hash: str, options: ReadOptions, columns: Columns, with_pieces: bool
) -> Profile:
    """The profile of a data set, kept by file, reading and columns; with pieces only when asked: that opens a model."""
    count = None
    if with_pieces:
        from core.explore.tokens import count_pieces

        model = open_model("builtin")

        def count(texts: list[str], pairs: list[str] | None) -> list[int]:
            return count_pieces(model, texts, pairs)

    return profiling.profile(_dataset, count_pieces=count)


def show_rows(table: Table) -> None:
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    query = left.text_input("Search all columns", key="search", placeholder="Type words to find", bind="query-params")
    regex = right.toggle(
        "Pattern", key="search-pattern", help="Read the search as a regular expression.", bind="query-params"
    )
    if not query:
        st.caption(f"The first {min(SHOWN_ROWS, len(table)):,} of {len(table):,} rows:")
        rows = table.to_pandas(0, SHOWN_ROWS)
        st.dataframe(rows.set_axis(range(1, len(rows) + 1)), alt="The first rows", height=420)
        return
    found = profiling.search(table, query, regex=regex)
    st.caption(
        f"{len(found):,} of {len(table):,} rows hold it" + (", the first 200:" if len(found) > SHOWN_ROWS else ":")
    )
    if len(found):
        rows = table.data.take(found[:SHOWN_ROWS]).to_pandas()
        st.dataframe(rows.set_axis([row + 1 for row in found[:SHOWN_ROWS]]), alt="The rows found", height=420)
        csv_button("All rows found as CSV", lambda: table.data.take(found).to_pandas(), "rows")
    else:
        st.info("No row holds that. Try fewer letters: upper and lower case make no difference.")


def show_labels(profile: Profile) -> None:
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


def show_lengths(table: Table, columns: Columns, dataset: Dataset, profile: Profile) -> None:
    st.markdown(
        "BERT reads at most 512 pieces at once, and shorter limits train faster. "
        "Count pieces to see what a limit would cut off."
    )
    pieces = None
    if len(dataset) > MOST_CUT_TEXTS:
        st.caption(f"Pieces are counted for sets of up to {MOST_CUT_TEXTS:,} rows.")
    elif st.toggle("Count pieces with the built-in tokenizer", key="pieces", bind="query-params"):
        pieces = profile_of(dataset, table.content_hash, table.options, columns, True)
    lengths, unit = (pieces.piece_lengths, "pieces") if pieces else (profile.word_lengths, "words")
    by_label: dict[str, list[int]] = {}
    for label, length in zip(dataset.labels, lengths, strict=True):
        by_label.setdefault(dataset.label_names[label], []).append(length)
    if len(by_label) > 8:
        by_label = {"all rows": list(lengths)}
    bars = histogram(by_label, title=f"Length in {unit}", x_title=unit, limits=profiling.LIMITS if pieces else ())
    figure(bars, key="lengths", alt=f"Histogram of lengths in {unit}")
    numbers = pd.Series(lengths)
    summary = {"Shortest": numbers.min(), "Half are at most": numbers.median(), "95 % at most": numbers.quantile(0.95)}
    summary["Longest"] = numbers.max()
    with st.container(horizontal=True):
        for label, value in summary.items():
            st.metric(f"{label} ({unit})", f"{value:,.0f}", width=170)
    if pieces:
        with st.container(horizontal=True):
            for limit in profiling.LIMITS:
                st.metric(
                    f"Cut at {limit}", f"{pieces.share_cut[limit]:.1%}", width=170, help="Share of rows cut short"
                )


def show_extremes(dataset: Dataset, profile: Profile) -> None:
    for title, positions in (("Longest", profile.longest), ("Shortest", profile.shortest)):
        st.markdown(f"**{title}**")
        show_examples(dataset, positions, profile, alt=f"{title} texts")


def show_examples(dataset: Dataset, positions: tuple[int, ...], profile: Profile, *, alt: str) -> None:
    """The rows at these positions of the data set."""
    columns = {
        "Row": [dataset.row_ids[position] + 1 for position in positions],
        "Words": [profile.word_lengths[position] for position in positions],
        "Label": [dataset.label_names[dataset.labels[position]] for position in positions],
        "Text": [dataset.texts[position][:2_000] for position in positions],
    }
    narrow = {name: st.column_config.Column(width="small") for name in ("Row", "Words", "Label")}
    widths = narrow | {"Text": st.column_config.Column(width="large")}
    examples = pd.DataFrame(columns)
    st.dataframe(examples, hide_index=True, column_config=widths, alt=alt)
    csv_button(f"{alt} as CSV", examples, alt.lower().replace(" ", "-"))


def show_repeats(dataset: Dataset, profile: Profile) -> None:
    groups = (
        (
            "The same text more than once",
            profile.duplicates,
            "Duplicates count twice in training; none is in two splits.",
        ),
        (
            "The same text under different labels",
            profile.contradictions,
            "No model can get both right: mend the labels.",
        ),
    )
    for title, repeated, meaning in groups:
        st.markdown(f"**{title}**: {len(repeated):,}")
        if repeated:
            st.caption(meaning)
            rows = tuple(position for group in repeated[:50] for position in group)[:SHOWN_ROWS]
            show_examples(dataset, rows, profile, alt=title)
        else:
            st.caption("None.")


def show_profile(view: str, table: Table, columns: Columns, dataset: Dataset) -> None:
    """The views that need the data set measured."""
    profile = profile_of(dataset, table.content_hash, table.options, columns, False)
    if view == "Labels":
        show_labels(profile)
    elif view == "Lengths":
        show_lengths(table, columns, dataset, profile)
    elif view == "Extremes":
        show_extremes(dataset, profile)
    else:
        show_repeats(dataset, profile)


st.title("Datasets", anchor=False)
st.markdown("A table of texts, one a row: see what is in it before a model learns from it.")
reference = data.choose_source()
table = data.read_source(reference)

data.offer_deletion(reference)
st.markdown(f"**{len(table):,} rows**, {len(table.columns)} columns: {', '.join(map(plain, table.columns[:12]))}")
with st.expander("How the file was read", expanded=False):
    data.reading_settings(reference, table)

columns = data.choose_columns(reference, table)
dataset = None
with problems_shown():  # rows can be looked at, and the columns changed, whatever is wrong with the labels
    dataset = data.dataset(table, table.content_hash, table.options, columns) if columns.label else None
data.show_notices(dataset.notices if dataset else table.notices)
with problems_shown():
    view = st.segmented_control(
        "Show", VIEWS, default=VIEWS[0], required=True, key="show", label_visibility="collapsed", bind="query-params"
    )
    if view == "Rows":
        show_rows(table)
    elif dataset is not None:
        show_profile(view, table, columns, dataset)
    if columns.label is None:
        st.info("Choose the column that holds the label to see counts, lengths and repeats.")
    elif dataset is not None:
        st.page_link(pages.FINE_TUNE, label="Train on this data", icon=":material/arrow_forward:")
