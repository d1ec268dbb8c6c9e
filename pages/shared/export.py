"""Showing a picture or a table together with the way to take it home: PNG from a picture, CSV from a table."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st


def figure(chart: go.Figure, *, key: str, alt: str) -> None:
    """A Plotly figure. Its camera button saves it as PNG at three times its size, enough for print."""
    config = {"displaylogo": False, "toImageButtonOptions": {"format": "png", "filename": key, "scale": 3}}
    st.plotly_chart(chart, key=key, alt=alt, config=config)


def csv_button(label: str, table: pd.DataFrame | str, name: str) -> None:
    """A download of `name`.csv; cells that a spreadsheet would run as a formula are escaped."""
    text = escape_formulas(table).to_csv(index=False) if isinstance(table, pd.DataFrame) else table
    st.download_button(label, text, f"{name}.csv", "text/csv", icon=":material/download:", on_click="ignore")


def escape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ' before every text that starts with = + - @ or a tab (OWASP, “CSV injection”)."""

    def escaped(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value

    return table.map(escaped).rename(columns=escaped)
