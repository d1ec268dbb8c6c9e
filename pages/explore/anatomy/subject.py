"""What the views of the Anatomy page share: the model they look at, answers kept for it, and how numbers are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.models.anatomy import flops, parameters
from core.models.anatomy.parameters import Anatomy
from pages.shared.export import csv_button

USUAL_LENGTH = 128  # tokens of the text that work is told for


@dataclass(frozen=True, slots=True)
class Subject:
    """A model as Anatomy needs it: its name, its configuration (of transformers), and the class built from it."""

    title: str
    config: Any
    architecture: str
    has_pooler: bool = True

    @property
    def identity(self) -> tuple[str, str, bool]:
        """All that an answer about it depends on."""
        return self.architecture, self.config.to_json_string(use_diff=False), self.has_pooler


_KEPT = {"max_entries": 32, "show_spinner": False, "hash_funcs": {Subject: lambda subject: subject.identity}}


@st.cache_resource(**_KEPT)
def anatomy(subject: Subject) -> Anatomy:
    """The subject's parts. Raises `LabError` when its configuration describes no network."""
    return parameters.anatomy(subject.config, subject.architecture, has_pooler=subject.has_pooler)


@st.cache_resource(**_KEPT)
def work_of(subject: Subject) -> flops.Flops:
    """The subject's work; errors as `anatomy`."""
    return flops.count_flops(subject.config, subject.architecture, has_pooler=subject.has_pooler)


def short(number: float, unit: str = "") -> str:
    """Two or three significant digits with the unit's prefix.

    >>> short(22_744_506), short(437_928_960, "B"), short(0)
    ('22.7 M', '438 MB', '0')
    """
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:
            return f"{number / size:.{0 if number >= 99.95 * size else 1}f} {prefix}{unit}"
    return f"{number:.3g} {unit}".strip()


def shape(sizes: tuple[int, ...]) -> str:
    """A tensor's shape as people write it.

    >>> shape((30522, 384))
    '30522 × 384'
    """
    return " × ".join(map(str, sizes))


def show_numbers(table: pd.DataFrame, label: str, name: str, *, alt: str) -> None:
    """As `csv_table`, with shares (of 1) in per cent, megabytes to one decimal, and large numbers grouped."""
    config = {
        name: st.column_config.NumberColumn(
            format="percent" if name == "Share" else "%.1f" if name.endswith("MB") else "localized"
        )
        for name in table.select_dtypes("number").columns
    }
    height = "content" if len(table) < 12 else 420
    st.dataframe(table.round({"Share": 3}), hide_index=True, height=height, column_config=config, alt=alt)
    csv_button(label, table, name)
