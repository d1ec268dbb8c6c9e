"""Fine-tune, further files: rows to validate and to test on from files of their own, checked before a run starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import LabError
from core.training.forms.preflight import check_other_file, misfit
from pages.shared import data_source
from pages.shared.reading_options import chosen_reading, read_once
from pages.shared.url_state import choose

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from pages.train.fine_tune.data import Chosen

NOTHING = ""
HELD_OUT = "Ten per cent of the rows are kept for validation and ten for the final test."
FILES = "All rows are trained on; validation and test come from the files chosen."
ONE_FILE = "All rows are trained on; the validation file chooses the best moment and gives the scores."
TEST_FILE = "Ten per cent of the rows are kept for validation; the test file gives the scores."
KEPT_SPLITS = "The splits kept on the page Datasets are used."


def choose_files(chosen: Chosen) -> dict[str, str | None]:
    """Files of their own for validation and test, where there are any. Raises `LabError` when one does not fit."""
    titles = {NOTHING: "Held out from the data above"} | data_source.titles_of_sets(leave_out=chosen.reference)
    with st.expander("Validation and test from files of their own", icon=":material/folder_open:"):
        st.caption("Their columns must have the same names, and their labels must be among those above.")
        left, right = st.columns(2)
        files = {
            "validation_data": _file(left, "Validation file", titles),
            "test_data": _file(right, "Test file", titles),
        }
    for name, reference in files.items():
        if reference != NOTHING:
            _check(name.removesuffix("_data"), reference, chosen)
    return {name: None if each == NOTHING else each for name, each in files.items()}


def _file(place: DeltaGenerator, label: str, titles: dict[str, str]) -> str:
    with place:
        return choose(label, titles, key=label.lower().replace(" ", "-"), follows=True)


def held_out(files: dict[str, str | None], *, has_splits: bool) -> str:
    """Which rows choose the best moment and which give the scores, in words."""
    if files["validation_data"] is not None:
        return FILES if files["test_data"] is not None else ONE_FILE
    if files["test_data"] is not None:
        return TEST_FILE
    return KEPT_SPLITS if has_splits else HELD_OUT


def _check(part: str, reference: str, chosen: Chosen) -> None:
    """Raises `LabError` when the task could not read this file as it reads the first one."""
    try:
        table = read_once(reference, chosen_reading(chosen.reference))
        check_other_file(table, chosen.mapping, chosen.label_names, chosen.preparation.decided)
    except LabError as error:
        raise misfit(part, error) from error
