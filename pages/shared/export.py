"""Showing a picture or a table together with the way to take it home: PNG from a picture, CSV from a table."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.data.csv_safety import escape_formula


def figure(chart: go.Figure, *, key: str, alt: str) -> None:
    """A Plotly figure. Its camera button saves it as PNG at three times its size, enough for print."""
    st.plotly_chart(chart, key=key, alt=alt, config=camera(key))


def camera(name: str) -> dict[str, object]:
    """Plotly's settings for a camera button that saves `name`.png at three times its size."""
    return {"displaylogo": False, "toImageButtonOptions": {"format": "png", "filename": name, "scale": 3}}


def csv_button(label: str, table: pd.DataFrame | Callable[[], pd.DataFrame | bytes], name: str) -> None:
    """A download of `name`.csv; cells that a spreadsheet would run as a formula are escaped.

    A large table is given as a function, called when somebody asks for it; bytes are a CSV that is escaped already.
    """

    def content() -> str | bytes:
        made = table() if callable(table) else table
        return escape_formulas(made).to_csv(index=False) if isinstance(made, pd.DataFrame) else made

    st.download_button(
        label,
        content if callable(table) else content(),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{name}",
    )


def csv_table(values: pd.DataFrame, label: str, name: str, *, alt: str, **look: Any) -> None:
    """A table without row numbers, and below it a button that downloads it as `name`.csv.

    `alt` is what screen readers say of it; `look` goes to `st.dataframe`.
    """
    st.dataframe(values, hide_index=True, alt=alt, **look)
    csv_button(label, values, name)


def escape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every text, column names included, as a spreadsheet may safely open it."""

    def escaped(value: object) -> object:
        return escape_formula(value) if isinstance(value, str) else value

    return table.map(escaped).rename(columns=escaped)
