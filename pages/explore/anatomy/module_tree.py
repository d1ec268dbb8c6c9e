"""The Module tree view of the Anatomy page: how the modules are nested in the program."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.models.anatomy.module_tree import ModuleRow, module_tree
from pages.explore.anatomy.subject import Subject, anatomy, shape
from pages.shared.export import csv_button
from pages.shared.text import plain


def show_tree(subject: Subject) -> None:
    """One row a module, indented below the one that holds it."""
    st.markdown(
        "How the modules are nested in the program, from the outside in. Names are those of the program, which counts "
        "from 0: `layer.0` is layer 1. Shapes are of the weights."
    )
    everything = st.toggle("Show every layer, also those that are alike", key="every-layer", bind="query-params")
    rows = module_tree(subject.config, subject.architecture, fold=not everything, has_pooler=subject.has_pooler)
    table = pd.DataFrame(
        {
            "Module": name,
            "Class": row.kind,
            "Weights": ", ".join(f"{own} {shape(sizes)}" for own, sizes in row.shapes),
            "Parameters": row.parameters or None,
            "Path": row.path,
            "Settings": row.settings,
        }
        for name, row in zip(branches(rows), rows, strict=True)
    ).astype({"Parameters": "Int64"})
    st.dataframe(
        table,
        hide_index=True,
        height=min(760, 38 + 35 * len(table)),
        column_config={
            "Module": st.column_config.TextColumn(width=235),
            "Class": st.column_config.TextColumn(width=160),
            "Weights": st.column_config.TextColumn(width=210),
            "Parameters": st.column_config.NumberColumn(format="localized", help="With all modules below it"),
        },
        placeholder="",
        alt="The module tree",
    )
    folded = [row for row in rows if row.alike > 1]
    for row in folded:
        st.caption(f"{plain(row.name)} are {row.alike} modules alike: opened once, counted together.")
    if anatomy(subject).notes:
        st.caption("Weights that are used in two places are shown in both, and counted once in what holds both.")
    csv_button("Modules as CSV", table.assign(Module=[row.name for row in rows]), "modules")


def branches(rows: tuple[ModuleRow, ...]) -> list[str]:
    """The names with the lines of a tree before them."""
    drawn = []
    open_below: list[bool] = []  # for each depth on the way here: whether more siblings follow
    for index, row in enumerate(rows):
        later = next((other.depth for other in rows[index + 1 :] if other.depth <= row.depth), -1)
        open_below[row.depth :] = [later == row.depth]
        stem = "".join("│  " if more else "   " for more in open_below[1 : row.depth])
        drawn.append(stem + ("├─ " if open_below[row.depth] else "└─ ") * bool(row.depth) + row.name)
    return drawn
