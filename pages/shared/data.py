"""The data in use: a sample or an upload, how its file is read, and which column is what. Shared by Data and Train."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from core.data import uploads
from core.data.columns import Columns, guess_columns
from core.data.dataset import Dataset, build_dataset
from core.data.reading import EncodingUnclear, ReadOptions, Table, read_table
from core.data.sample_sets import samples
from core.errors import LabError
from pages.shared.text import plain, show_problem
from pages.shared.url_state import choose

DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar", "": "Nothing: one text a line"}
ENCODINGS = ("utf-8", "utf-16", "cp1252", "latin-1", "gb18030", "shift_jis", "big5", "euc-kr")
ENCODING_NAMES = {
    "cp1252": "Western European (cp1252)",
    "iso8859-1": "Western European (Latin-1)",
    "cp1250": "Central European (cp1250)",
    "cp1251": "Cyrillic (cp1251)",
    "gb18030": "Chinese (GB 18030)",
    "big5": "Chinese, traditional (Big5)",
    "cp932": "Japanese (Shift-JIS)",
    "euc_kr": "Korean (EUC-KR)",
    "utf-8-replace": "UTF-8, damaged signs shown as \ufffd",
}
NO_COLUMN = "(none)"


def choose_source() -> str:
    """The data set chosen from the samples and uploads, as a reference; an upload done here becomes the choice."""
    _keep_upload()
    titles = {sample.reference: f"Sample: {sample.title}" for sample in samples()}
    titles |= {upload.reference: upload.name for upload in uploads.list_uploads()}
    left, right = st.columns(2)
    with right:
        st.file_uploader(
            "Or upload a table",
            key="upload",
            help="CSV, TSV, TXT, JSON, JSONL or Parquet, also gzipped. It stays on this machine.",
        )
        if "upload-problem" in st.session_state:
            show_problem(st.session_state["upload-problem"])
            st.caption("It was not stored: what follows is the data set chosen before.")
    with left:
        return choose("Data set", titles, key="data")


def _keep_upload() -> None:
    """Store a file that has just arrived, once, and choose it."""
    file = st.session_state.get("upload")
    if file is None or st.session_state.get("upload-kept") == file.file_id:
        return
    st.session_state["upload-kept"] = file.file_id
    st.session_state.pop("upload-problem", None)
    content = file.getvalue()
    try:
        with suppress(EncodingUnclear):  # asked when it is opened
            read_table(content, name=file.name)
        st.session_state["data"] = uploads.store_upload(content, file.name).reference
    except LabError as error:
        st.session_state["upload-problem"] = error


def read_source(reference: str) -> Table:
    """Read the data set as detected or as the person chose; asks for the encoding where it cannot be told.

    Stops the page with a message, and a way back to what was detected, when the file cannot be read so.
    """
    chosen = st.session_state.setdefault("reading", {}).get(reference)
    try:
        return _read(reference, chosen or ReadOptions())
    except EncodingUnclear as unclear:
        previews = dict(unclear.candidates)
        show_problem(unclear)
        encoding = st.radio(
            "Which one reads right?",
            list(previews),
            format_func=lambda name: ENCODING_NAMES.get(name, name),
            captions=[plain(each) for each in previews.values()],
        )
        if st.button("Read it so", type="primary"):
            set_reading(reference, replace(chosen or ReadOptions(), encoding=encoding))
            st.rerun()
    except LabError as error:
        show_problem(error)
        if chosen:
            _offer_detection(reference)
    st.stop()


def set_reading(reference: str, options: ReadOptions) -> None:
    """Remember for this session how a file is to be read."""
    st.session_state.setdefault("reading", {})[reference] = options


def reading_settings(reference: str, table: Table) -> None:
    """How the file was read, each setting changeable."""
    used = table.options
    if used.delimiter is None:
        st.caption(f"Format: {used.format}. Nothing to set: this format says itself how it is read.")
        return
    first, second, third, fourth = st.columns(4)
    key = f"{reference}-{st.session_state.get('resets', 0)}"  # new widgets after each reset, showing what is detected
    delimiters = list(dict.fromkeys([used.delimiter, *DELIMITERS]))
    delimiter = first.selectbox(
        "Columns are parted by",
        delimiters,
        format_func=lambda sign: DELIMITERS.get(sign, sign),
        key=f"delimiter-{key}",
    )
    encodings = list(dict.fromkeys([used.encoding, *ENCODINGS]))
    encoding = second.selectbox("Encoding", encodings, key=f"encoding-{key}")
    header = third.toggle("First row holds names", bool(used.header), key=f"header-{key}")
    quoting = fourth.toggle('Cells may stand in "quotes"', bool(used.quoting), key=f"quoting-{key}")
    current = st.session_state["reading"].get(reference, used)
    wanted = replace(current, delimiter=delimiter, encoding=encoding, header=header, quoting=quoting)
    if wanted != current:
        set_reading(reference, wanted)
        st.rerun()
    if reference in st.session_state["reading"]:
        _offer_detection(reference)


def _offer_detection(reference: str) -> None:
    if st.button("Back to what was detected"):
        del st.session_state["reading"][reference]
        st.session_state["resets"] = st.session_state.get("resets", 0) + 1
        st.rerun()


def offer_deletion(reference: str) -> None:
    """A button to remove an upload for good; samples stay."""
    if not reference.startswith("upload:"):
        return
    with st.popover("Delete this upload", icon=":material/delete:", type="tertiary"):
        st.markdown("The file is removed from this machine. Models trained on it stay.")
        st.button("Delete for good", on_click=uploads.delete_upload, args=(reference.removeprefix("upload:"),))


def show_notices(notices: Sequence[str]) -> None:
    """What was noticed while reading and checking, in plain sentences."""
    for notice in notices:
        st.caption(f":material/info: {plain(notice)}")


def choose_columns(reference: str, table: Table) -> Columns:
    """Which column is the text, the second text and the label: guessed, and changeable."""
    sample = next((each for each in samples() if each.reference == reference), None)
    guess = sample.columns if sample else guess_columns(table)
    key = f"{reference}-{hash(table.columns)}"
    first, second, third = st.columns(3)

    def column(title: str, guessed: str | None, options: list[str], help: str) -> str | None:
        """One choice; it stays as it was chosen while other data sets are looked at."""
        chosen = st.selectbox(
            title,
            options,
            options.index(guessed or NO_COLUMN),
            key=f"{title}-{key}",
            help=help,
            persist_state="session",
        )
        return None if chosen == NO_COLUMN else chosen

    names = list(table.columns)
    with first:
        text = column("Text", guess.text, names, "What BERT will read.")
    with second:
        help_pair = "Only for tasks about two texts, such as “do these mean the same?”"
        pair = column("Second text", guess.pair, [NO_COLUMN, *names], help_pair)
    with third:
        label = column("Label", guess.label, [NO_COLUMN, *names], "The class that BERT should learn to name.")
    return Columns(text=text, pair=pair, label=label)


@st.cache_resource(max_entries=8, show_spinner="Reading the file …")
def _read(reference: str, options: ReadOptions) -> Table:
    return read_table(reference, options=options)


@st.cache_resource(max_entries=8, show_spinner="Checking the rows …")
def dataset(_table: Table, content_hash: str, options: ReadOptions, columns: Columns) -> Dataset:
    """Validated rows of a table; kept by the file's hash, the way it was read and the columns."""
    return build_dataset(_table, columns)
