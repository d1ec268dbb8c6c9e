"""The view of Embeddings that draws a whole data set: computing with progress, the map, the rows that were circled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.charts.scatter import data_map
from core.errors import counted
from core.explore.embeddings import dataset_map
from core.explore.embeddings.store import key_of
from core.explore.embeddings.vectors import sample_rows
from core.models import catalogue
from pages.explore.embeddings.input import choose_layer, choose_pooling, choose_projection, explain_projection
from pages.shared import data_source
from pages.shared.export import camera, csv_button
from pages.shared.reading_options import read_source

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.data.dataset.dataset import Dataset
    from core.explore.embeddings.dataset_map import TextMap
    from core.models.loading import Model

ROWS = (200, 500, 1_000, 2_000, 5_000, 10_000, dataset_map.MOST_TEXTS)
LENGTHS = (32, 64, 128, 256, 512)
SHOWN_ROWS = 1_000
CANCELLED = "map-cancelled"  # key of the session's state: the map whose computation was cancelled


def show_data_map(model: Model) -> None:
    """Each row of a data set as a point: texts that the model finds alike lie close."""
    st.markdown(
        "Each point is one text of a data set, placed by its vector: texts that the model finds alike lie close. "
        "Colours are the labels, which the model was not told unless it was trained on them."
    )
    reference = data_source.choose_source()
    table = read_source(reference)
    dataset, which = data_source.prepared_rows(reference, table)
    first, second, third = st.columns(3)
    most = first.selectbox("Texts at most", ROWS, 1, format_func="{:,}".format, key="map-rows", bind="query-params")
    with second:
        pooling = choose_pooling("One vector per text")
    length = third.selectbox(
        "Tokens read", LENGTHS, 2, key="map-length", help="Longer texts are cut.", bind="query-params"
    )
    left, right = st.columns([2, 3])
    with left:
        layer = choose_layer(model)
    with right:
        method, seed = choose_projection("map")
    rows = sample_rows(len(dataset), most)
    settings = {"layer": layer, "pooling": pooling, "method": method, "max_length": length, "seed": seed}
    found = compute(model, dataset, which, rows, **settings)
    if found is None:
        return
    if len(rows) < len(dataset):
        st.caption(f"{len(rows):,} rows drawn at random from {len(dataset):,}.")
    if found.cut_count:
        st.caption(f"{counted(found.cut_count, 'text')} cut to {min(length, model.max_length)} tokens.")
    if model.reference == catalogue.TEACHING:
        st.caption("The teaching model knows 13 words, so nearly all of these texts look alike to it.")
    show_map(found, dataset, rows, method, key_of(model.fingerprint, *which, rows, *settings.items()))


def compute(model: Model, dataset: Dataset, which: tuple, rows: list[int], **settings: object) -> TextMap | None:
    """The map, remembered or computed with its progress shown; None when the person cancelled it."""
    wish = key_of(model.fingerprint, *which, rows, *settings.items())
    if st.session_state.get(CANCELLED) == wish:
        st.info("Cancelled. Nothing was kept.")
        st.button("Compute the map", on_click=lambda: st.session_state.pop(CANCELLED, None))
        return None
    area = st.empty()
    started = time.monotonic()
    bars: list = []

    def on_progress(stage: str, share: float) -> None:
        """Draw the bar when there is something to wait for; a click on the button ends the computation here."""
        if stage == dataset_map.PROJECTING:
            area.progress(1.0, f"{settings['method']} arranges {len(rows):,} points …")
            return
        if not bars:
            with area.container():
                bars.append(st.progress(0.0))
                st.button("Cancel", key="cancel-map", on_click=st.session_state.update, args=({CANCELLED: wish},))
        seconds = time.monotonic() - started
        left = f", about {seconds * (1 - share) / share:.0f} s left" if seconds > 2 else ""
        bars[0].progress(share, f"The model reads {len(rows):,} texts: {share:.0%}{left}")

    found = dataset_map.text_map(
        model,
        [dataset.texts[row] for row in rows],
        None if dataset.pairs is None else [dataset.pairs[row] for row in rows],
        on_progress=on_progress,
        **settings,
    )
    area.empty()
    return found


@st.fragment
def show_map(found: TextMap, dataset: Dataset, rows: list[int], method: str, key: str) -> None:
    """The points, and below them the rows that a lasso or a box was drawn around."""
    alt = f"{method} map of {len(rows):,} texts"
    if dataset.labels:
        alt += f" in {len(dataset.label_names)} labels: {', '.join(dataset.label_names[:8])}"
    places = selectable(_chart(key, found, dataset, rows, method), key=f"map-{key[:12]}", alt=alt)
    explain_projection(method)
    if found.explained:
        st.caption(f"The two axes show {sum(found.explained):.1%} of how the points spread (the variance).")
    if places:
        chosen = as_table(found, dataset, rows, places)
        st.markdown(f"**{counted(len(chosen), 'row')} selected**")
        st.dataframe(
            chosen.drop(columns=["x", "y"])[:SHOWN_ROWS], hide_index=True, placeholder="", alt="The selected rows"
        )
        csv_button("Selected rows as CSV", lambda: chosen, "selected-rows")
    else:
        st.caption("Draw a line around points, with the mouse or a finger, to list their rows here.")
    csv_button("All points as CSV", lambda: as_table(found, dataset, rows, range(len(rows))), "map-of-texts")


@st.cache_resource(max_entries=8, show_spinner=False)
def _chart(key: str, _found: TextMap, _dataset: Dataset, _rows: list[int], method: str) -> go.Figure:
    """The picture; `key` says of what. Of 10,000 texts it takes most of a second to make, and nobody changes it."""
    texts = [_dataset.texts[row] if _dataset.pairs is None else _both(_dataset, row) for row in _rows]
    labels = [_dataset.labels[row] for row in _rows] if _dataset.labels else []
    names = [f"{method} {number}" for number in (1, 2)]
    if _found.explained:
        names = [f"{name}: {share:.1%} of the variance" for name, share in zip(names, _found.explained, strict=True)]
    return data_map(_found.points, texts, labels, _dataset.label_names, axes=names)


def _both(dataset: Dataset, row: int) -> str:
    return f"{dataset.texts[row]} / {dataset.pairs[row]}"


def selectable(chart: go.Figure, *, key: str, alt: str) -> list[int]:
    """A Plotly figure whose points can be circled; what the chosen ones carry as `customdata`."""
    event = st.plotly_chart(
        chart,
        key=key,
        alt=alt,
        config=camera("map"),
        on_select="rerun",
        selection_mode=("box", "lasso"),
    )
    return sorted({_place(point["customdata"]) for point in event.selection.points if "customdata" in point})


def _place(customdata: object) -> int:
    return int(customdata[0] if isinstance(customdata, list) else customdata)


def as_table(found: TextMap, dataset: Dataset, rows: list[int], places: object) -> pd.DataFrame:
    """Rows of the data set with their places on the map; rows are counted from 1, as in the file."""
    wanted = list(places)
    table = {"Row": [dataset.row_ids[rows[place]] + 1 for place in wanted]}
    if dataset.labels:
        table["Label"] = [dataset.label_names[dataset.labels[rows[place]]] for place in wanted]
    table["Text"] = [dataset.texts[rows[place]] for place in wanted]
    if dataset.pairs is not None:
        table["Second text"] = [dataset.pairs[rows[place]] for place in wanted]
    return pd.DataFrame(table | {"x": found.points[wanted, 0], "y": found.points[wanted, 1]})
