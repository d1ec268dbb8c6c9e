"""The data in use: a sample, an upload, a Hub name or a folder, and its rows as corrections and fixes leave them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import streamlit as st

from core.data.column_mapping import CLASSIFICATION
from core.data.dataset.dataset import Dataset
from core.data.decisions.preparation import Preparation
from core.data.reading.read_table import EncodingUnclear, read_table
from core.data.sources import hub, uploads
from core.data.sources.sample_sets import samples
from core.data.table import ReadOptions, Table
from core.errors import LabError, counted
from core.training.plan.readers import readers
from pages.shared import kept
from pages.shared.column_mapping import choose_columns
from pages.shared.preparation import dataset_key, dataset_of, preparation_of
from pages.shared.reading_options import FILL, already_read, can_be_filled, forget_reading, set_reading
from pages.shared.text import plain, report_errors, show_error
from pages.shared.url_state import choose, forget

# Keys of the session state; `DATA` and `DATA_NAME` stand in the address, too.
DATA = "data"
DATA_NAME = "data-name"
UPLOAD = "upload"
UPLOAD_KEPT = "upload-kept"
UPLOAD_PROBLEM = "upload-problem"
UPLOAD_CAN_BE_FILLED = "upload-can-be-filled"
OTHER = "other"
DELETABLE = {  # kinds of references, with the title of the button, what goes, and until when it is missed
    "upload": ("Delete this upload", "The file", "without it"),
    "hub": ("Delete this data set", "The fetched data set", "before it is fetched again"),
}


def choose_source() -> str:
    """The reference of a sample, an upload (one done here becomes the choice), a data set of the Hub, or a folder."""
    _keep_upload()
    titles = titles_of_sets()
    left, right = st.columns(2)
    with right:
        st.file_uploader(
            "Or upload a table",
            key=UPLOAD,
            help="CSV, TSV, TXT, JSON, JSONL, CoNLL, SQuAD (each also as .gz), Excel or Parquet. "
            "It stays on this machine.",
        )
        if UPLOAD_PROBLEM in st.session_state:
            show_error(st.session_state[UPLOAD_PROBLEM])
            st.caption("It was not stored: what follows is the data set chosen before.")
            if st.session_state[UPLOAD_CAN_BE_FILLED]:
                st.button(FILL, icon=":material/table_rows:", on_click=report_errors, args=(_keep_filled,))
    with left:
        chosen = choose("Data set", titles | {OTHER: "From the Hub, or a folder …"}, key=DATA)
        return _choose_other() if chosen == OTHER else chosen


def titles_of_sets(*, leave_out: str = "") -> dict[str, str]:
    """Every data set that is here: samples, uploads, and what was fetched from the Hub, by reference."""
    titles = {sample.reference: f"Sample: {sample.title}" for sample in samples()}
    titles |= {upload.reference: upload.name for upload in uploads.list_uploads()}
    titles |= {f"hub:{name}": f"Hub: {name}" for name in hub.fetched()}
    titles.pop(leave_out, None)
    return titles


def address_of(reference: str) -> dict[str, str]:
    """The part of an address that opens a page with this data set chosen."""
    if reference in titles_of_sets():
        return {DATA: reference}
    return {DATA: OTHER, DATA_NAME: reference.partition(":")[2]}


def _choose_other() -> str:
    """A data set of the Hub by its name, or a folder that the `datasets` library saved."""
    named = st.text_input(
        "Hub name or folder",
        key=DATA_NAME,
        placeholder="dair-ai/emotion, imdb, glue/cola, or the path of a folder",
        help="A data set on the Hugging Face Hub (needs a network, the first time), or a folder on this machine that "
        "save_to_disk wrote.",
        bind="query-params",
    ).strip()
    if not named:
        st.info("Type the name of a data set on the Hub, or the path of a folder.")
        st.stop()
    return f"folder:{named}" if Path(named).is_absolute() or named.startswith(("~", ".")) else f"hub:{named}"


def _keep_upload() -> None:
    """Store a file that has just arrived, once, and choose it."""
    file = st.session_state.get(UPLOAD)
    if file is None:  # taken away again, or left behind on another page
        st.session_state.pop(UPLOAD_PROBLEM, None)
        return
    if st.session_state.get(UPLOAD_KEPT) == file.file_id:
        return
    st.session_state[UPLOAD_KEPT] = file.file_id
    st.session_state.pop(UPLOAD_PROBLEM, None)
    content, table = file.getvalue(), None
    with st.spinner("Reading the file …"):
        try:
            with suppress(EncodingUnclear):  # asked when it is opened
                table = read_table(content, name=file.name)
            upload = uploads.store_upload(content, file.name)
            if table is not None:
                already_read(upload, table)
            st.session_state[DATA] = upload.reference
        except LabError as error:
            st.session_state[UPLOAD_PROBLEM] = error
            st.session_state[UPLOAD_CAN_BE_FILLED] = can_be_filled(error, content, name=file.name)


def _keep_filled() -> None:
    """Store the file that was refused, and read it with shorter rows filled up."""
    file = st.session_state[UPLOAD]
    reference = uploads.store_upload(file.getvalue(), file.name).reference
    set_reading(reference, ReadOptions(fill=True))
    st.session_state[DATA] = reference
    st.session_state.pop(UPLOAD_PROBLEM, None)


def offer_deletion(reference: str, content_hash: str) -> None:
    """A button to remove an upload or a fetched data set, and what was decided about it; samples and folders stay."""
    kind = reference.partition(":")[0]
    if kind not in DELETABLE:
        return
    title, what, until = DELETABLE[kind]
    with st.popover(title, icon=":material/delete:", type="tertiary"):
        st.markdown(
            f"{what} is removed from this machine, with all corrections, fixes and splits. Models trained on it stay; "
            f"a run that was stopped cannot go on {until}."
        )
        st.button("Delete for good", on_click=report_errors, args=(_delete, reference, content_hash))


def _delete(reference: str, content_hash: str) -> None:
    kind, _, name = reference.partition(":")
    if active := readers(reference):
        problem = f"{DELETABLE[kind][1]} was not deleted: the run “{active[0].name}” needs it."
        raise LabError(problem, "Stop that run first.")
    if kind == "hub":
        hub.delete(name)
    else:
        uploads.delete_upload(name)
    kept.delete(content_hash)  # last, so that a change by somebody else meanwhile goes, too
    forget_reading(reference)
    forget(DATA)
    st.session_state[DATA_NAME] = ""  # else its name, typed there, would fetch it again at once


def show_notices(notices: Sequence[str]) -> None:
    """What was noticed while reading and checking, in plain sentences."""
    for notice in notices:
        st.caption(f":material/info: {plain(notice)}")


def prepared_rows(reference: str, table: Table) -> tuple[Dataset, tuple]:
    """The rows that corrections and fixes leave, in columns chosen here, and a key that says which these are.

    As the page Datasets shows them and a training reads them. Raises `LabError` as `build_dataset`.
    """
    preparation = preparation_of(table)
    with st.expander("Columns"):
        mapping = choose_columns(CLASSIFICATION, reference, table)
    dataset = dataset_of(table, mapping, preparation)
    if len(preparation.edits) or len(preparation.recipe):
        st.caption(
            f"{len(dataset):,} of {counted(len(table), 'row')}: with the corrections and fixes of the page Datasets."
        )
    return dataset, dataset_key(table, mapping, preparation)


def tell_untouched(table: Table) -> None:
    """Say so where a file is read as it is although there are corrections or fixes for it."""
    decided = Preparation()
    with suppress(LabError):  # told where they are used
        decided = Preparation.of(table.content_hash, table.options)
    if decided.edits or (decided.recipe and len(decided.recipe)):
        st.caption(
            "This file is read as it is, without the corrections and fixes made on the page Datasets. To use them, "
            "save the fixed table as JSONL there, and upload it."
        )
