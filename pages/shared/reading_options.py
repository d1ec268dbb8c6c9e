"""How a file is read: as detected, or as a person says; and the question where it cannot be told.

What a person says is kept with an upload, whose id is the hash of its content; of other files, while the session lasts.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import streamlit as st

from core.data.reading.read_table import EncodingUnclear, RaggedRows
from core.data.sources import references, uploads
from core.data.table import ReadOptions, Table
from core.errors import LabError
from pages.shared import kept
from pages.shared.text import plain, report_errors, show_error

# Keys of the session state.
READINGS = "reading"
RESETS = "resets"
FILL = "Fill up shorter rows with empty cells"
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


def chosen_reading(reference: str) -> ReadOptions:
    """What a person has said about how a file is to be read; the rest is detected, for each file again.

    Raises `LabError` when what was kept is damaged.
    """
    readings = st.session_state.setdefault(READINGS, {})
    if reference not in readings:
        _take_over(reference)
    return readings.get(reference, ReadOptions())


def _take_over(reference: str) -> None:
    """What is kept of how an upload is read, when the session begins and when another tab has changed it since."""
    if content_hash := _hash_of(reference):
        readings, by_others = st.session_state[READINGS], kept.times_changed_by_others(content_hash, ReadOptions)
        found = kept.load(content_hash, ReadOptions) or ReadOptions()
        if reference not in readings or kept.times_changed_by_others(content_hash, ReadOptions) != by_others:
            readings[reference] = found


def read_source(reference: str) -> Table:
    """Read the data set as detected or as the person chose; asks for the encoding where it cannot be told.

    Stops the page with a message, and a way back to what was detected, when the file cannot be read so.
    """
    chosen = None
    try:
        chosen = chosen_reading(reference)
        _take_over(reference)  # here alone: within one run of a page a file is read in one way
        chosen = chosen_reading(reference)
        return read_once(reference, chosen)
    except EncodingUnclear as unclear:
        previews = dict(unclear.candidates)
        show_error(unclear)
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
        show_error(error)
        if chosen is not None and can_be_filled(error, reference, chosen):
            filled = replace(chosen, fill=True)
            st.button(FILL, icon=":material/table_rows:", on_click=set_reading, args=(reference, filled))
        if chosen != ReadOptions():
            _offer_detection(reference)
    st.stop()


def can_be_filled(
    error: LabError, source: str | bytes, options: ReadOptions | None = None, *, name: str | None = None
) -> bool:
    """Whether what was refused with this error can be read with shorter rows filled up with empty cells."""
    if not isinstance(error, RaggedRows):
        return False
    with suppress(LabError):
        return bool(
            references.open_table(source, name=name, options=replace(options or ReadOptions(), fill=True)).columns
        )
    return False


def set_reading(reference: str, options: ReadOptions) -> None:
    """Keep how a file is to be read; where it cannot be written down, at least while the session lasts."""
    st.session_state.setdefault(READINGS, {})[reference] = options
    if content_hash := _hash_of(reference):
        if options == ReadOptions():
            report_errors(kept.delete, content_hash, ReadOptions)
        else:
            report_errors(lambda: kept.save(content_hash, options, reference=reference))


def forget_reading(reference: str) -> None:
    """Nothing was ever said about a file that is gone."""
    st.session_state.get(READINGS, {}).pop(reference, None)


def _hash_of(reference: str) -> str | None:
    """The hash of an upload's content, which is its id; None for anything else and for an upload that is gone."""
    with suppress(LabError):
        if reference.startswith("upload:"):
            return uploads.find_upload(reference.removeprefix("upload:")).id
    return None


def reading_settings(reference: str, table: Table) -> None:
    """How the file was read, each setting changeable."""
    used = table.options
    by_others = kept.times_changed_by_others(table.content_hash, ReadOptions)
    key = f"{reference}-{st.session_state.get(RESETS, 0)}-{by_others}"  # new widgets that show what is read now
    current = chosen_reading(reference)
    wanted = _choose_part(key, table, current)
    if used.delimiter is None:
        if wanted is current:
            st.caption(f"Format: {used.format}. This format says itself how it is read.")
    else:
        wanted = _choose_form(key, used, wanted)
    if wanted != current:
        set_reading(reference, wanted)
        st.rerun()
    if current != ReadOptions():
        _offer_detection(reference)


def _choose_part(key: str, table: Table, current: ReadOptions) -> ReadOptions:
    """Which sheet of a workbook, or which split of a saved data set."""
    if len(table.parts) < 2:
        return current
    if table.options.format == "xlsx":
        chosen = st.selectbox("Sheet", table.parts, table.parts.index(table.options.sheet), key=f"sheet-{key}")
        return current if chosen == table.options.sheet else replace(current, sheet=chosen)
    splits = ("", *table.parts)
    chosen = st.selectbox(
        "Split",
        splits,
        splits.index(table.options.split or ""),
        format_func=lambda name: name or "All, told apart by the column “split”",
        key=f"split-{key}",
    )
    return current if chosen == (table.options.split or "") else replace(current, split=chosen)


def _choose_form(key: str, used: ReadOptions, current: ReadOptions) -> ReadOptions:
    """Delimiter, encoding, header and quotes of a text: what was chosen before, and what is changed now."""
    first, second, third, fourth = st.columns(4)
    delimiters = list(dict.fromkeys([used.delimiter, *DELIMITERS]))
    delimiter = first.selectbox(
        "Columns are parted by",
        delimiters,
        format_func=lambda sign: DELIMITERS.get(sign, str(sign)),
        key=f"delimiter-{key}",
    )
    encodings = list(dict.fromkeys([used.encoding, *ENCODINGS]))
    encoding = second.selectbox("Encoding", encodings, key=f"encoding-{key}")
    header = third.toggle("First row holds names", bool(used.header), key=f"header-{key}")
    quoting = fourth.toggle("Cells in quotes", bool(used.quoting), key=f"quoting-{key}")
    shown = {"delimiter": delimiter, "encoding": encoding, "header": header, "quoting": quoting}
    return replace(current, **{name: value for name, value in shown.items() if value != getattr(used, name)})


def _offer_detection(reference: str) -> None:
    if st.button("Back to what was detected"):
        set_reading(reference, ReadOptions())
        st.session_state[RESETS] = st.session_state.get(RESETS, 0) + 1
        st.rerun()


def read_once(reference: str, options: ReadOptions) -> Table:
    """The table behind a reference, read once for all who look at it. Raises `LabError` as `open_table`."""
    if reference.startswith("hub:"):
        with st.spinner("Fetching the data set …"):  # before it is asked for its version
            references.find_source(reference)
    return _read(reference, options, _version(reference))


def already_read(upload: uploads.Upload, table: Table) -> None:
    """Take over what was read of a file before it was stored, so that nobody reads it again."""
    table = replace(table, content_hash=upload.id)
    _read(upload.reference, ReadOptions(), _version(upload.reference), table)


@st.cache_resource(max_entries=8, show_spinner="Reading the file …")
def _read(reference: str, options: ReadOptions, version: int, _table: Table | None = None) -> Table:
    return references.open_table(reference, options=options) if _table is None else _table


def _version(reference: str) -> int:
    """Another number when a reference holds something else than before: a folder saved again, a data set fetched again,
    an upload under another name."""
    kind, _, rest = reference.partition(":")
    with suppress(LabError, OSError, ValueError):
        if kind == "upload":
            return uploads.find_upload(rest).path.with_name("meta.json").stat().st_mtime_ns
        if kind in ("folder", "hub"):
            return max(each.stat().st_mtime_ns for each in references.find_source(reference).rglob("*"))
    return 0
