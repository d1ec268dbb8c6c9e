"""The Configuration view of the Anatomy page: each setting with its meaning."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.errors import counted
from core.models.anatomy import configuration
from pages.explore.anatomy.subject import Subject
from pages.shared.export import csv_button
from pages.shared.text import plain

SELDOM_READ = (configuration.BOOKKEEPING, configuration.OTHER)


def show_configuration(subject: Subject) -> None:
    """Every setting by group, with its meaning; those that differ from the default in bold."""
    fields = configuration.explain(subject.config)
    changed = sum(bool(field.usual) for field in fields)
    family = type(subject.config).__name__
    st.markdown(
        "The settings in force, from the model's config.json or its family's defaults. With them alone its "
        "architecture can be rebuilt, without one learned "
        f"number. **Bold**: {counted(changed, 'value')} other than the default of {plain(family)}."
    )
    groups = [group for group in dict.fromkeys(field.group for field in fields) if group not in SELDOM_READ]
    columns = st.columns(2)  # cards and not a table: they stay readable on a narrow screen
    for group in groups:
        with columns[group in groups[len(groups) // 2 :]].container(border=True):
            st.markdown(f"**{group}**")
            show_fields([field for field in fields if field.group == group])
    with st.expander(" and ".join(SELDOM_READ).capitalize()):
        show_fields([field for field in fields if field.group in SELDOM_READ])
    csv_button("Configuration as CSV", pd.DataFrame(fields), "configuration")


def show_fields(fields: list[configuration.Field]) -> None:
    """Each field's name and value, and below them what it means."""
    entries = []
    for field in fields:
        name = field.name.replace("`", "")  # a file may name its fields anything
        value = f"**{plain(field.value)}** (default {plain(field.usual)})" if field.usual else plain(field.value)
        entries.append(f"`{name}` {value}  \n{field.meaning}")
    st.markdown("\n\n".join(entries))
