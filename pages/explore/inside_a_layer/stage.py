"""One stage of the walk, opened: its words, its matrix, and the arithmetic behind the cell in focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore.walkthrough.code import code
from core.models.layer_names import file_name
from pages.components.arithmetic.arithmetic import arithmetic
from pages.components.matrix.matrix import labelled, matrix
from pages.explore.inside_a_layer.stage_badge import badge
from pages.shared.export import csv_button
from pages.shared.models import agreement_of
from pages.shared.text import plain

if TYPE_CHECKING:
    from core.explore.trace import Trace
    from core.explore.walkthrough import Focus, Matrix, Operand, Stage, View

SIDE_BY_SIDE = 5  # columns of a matrix that stand beside another one on a screen


@st.fragment
def show_stage(
    t: Trace, focus: Focus, number: int, stage: Stage, *, padding: int, with_operands: bool, is_plain: bool
) -> None:
    """One stage, opened: a matrix, and the arithmetic behind the cell that was clicked in it."""
    with st.container(border=True):
        st.subheader(f"{number} · {stage.title}", anchor=False)
        st.markdown(plain(stage.words))
        view = choose_view(stage)
        st.markdown(plain(view.words))
        if not is_plain:
            st.latex(view.formula)
            st.caption(plain(view.shapes), text_alignment="center")
        if view.contrast:
            st.warning(plain(view.contrast), icon=":material/rule:")
        show_numbers(focus, stage, view, with_operands=with_operands, is_plain=is_plain)
        # Last, because it takes a second forward pass: until then the numbers can be read already.
        st.markdown(badge(view, agreement_of(t.model, t.tokens, padding=padding)))
        if not is_plain:
            with st.expander("As code", icon=":material/code:"):
                st.code(code(t, focus, stage.key).text, language="python", wrap_lines=True)


def choose_view(stage: Stage) -> View:
    """One of the stage's matrices."""
    titles = [view.title for view in stage.views]
    if len(titles) == 1:
        return stage.views[0]
    title = st.segmented_control(
        "Step",
        titles,
        default=titles[stage.opens_at],
        required=True,
        key=f"view-{stage.key}",
        label_visibility="collapsed",
        bind="query-params",
    )
    return stage.views[titles.index(title) if title in titles else stage.opens_at]


def show_numbers(focus: Focus, stage: Stage, view: View, *, with_operands: bool, is_plain: bool) -> None:
    """The matrix of a view, what it is computed from above it, and below it what lies behind the cell in focus."""
    drawn = view.matrix()
    key = f"{stage.key}-{view.title}-{len(drawn.rows)}x{len(drawn.columns)}-{focus.position}"
    above = st.container()
    row, column = draw(drawn, key, view.title, drawn.strongest(focus.position), focus)
    if with_operands and view.operands is not None:
        with above:
            show_operands(view.operands(row, column), key, focus)
    behind = view.arithmetic(row, column)
    st.markdown(f"**{plain(drawn.rows[row])} · {plain(drawn.columns[column])}**: {plain(behind.sentence)}")
    if not is_plain:
        arithmetic(
            sentence=behind.sentence,
            terms=[(term.label, term.left, term.right) for term in behind.terms],
            lines=[(line.label, line.value) for line in behind.lines],
            left=behind.left,
            right=behind.right,
            key=f"arithmetic-{key}",
        )
    name = f"{file_name(focus.layer, focus.head)}-{stage.key}-{view.title.lower().replace(' ', '-')}"
    csv_button("Matrix as CSV", lambda: labelled(drawn.values, drawn.rows, drawn.columns, drawn.row_axis), name)


def show_operands(operands: tuple[Operand, ...], key: str, focus: Focus) -> None:
    """The matrices that go in, side by side; in each the row or column that makes the cell in focus is marked."""
    fits = all(len(operand.matrix.columns) <= SIDE_BY_SIDE for operand in operands)
    places = st.columns(len(operands)) if fits else [st.container() for _ in operands]
    for place, operand in zip(places, operands, strict=True):
        with place:
            st.markdown(f"**{plain(operand.title)}**")
            draw(operand.matrix, f"{key}-{operand.title}-{operand.cell}", operand.title, operand.cell, focus)
    st.caption("They make, with the bias where there is one:")


def draw(drawn: Matrix, key: str, title: str, cell: tuple[int, int], focus: Focus) -> tuple[int, int]:
    """The matrix as a grid of numbers; the cell in focus."""
    has_tokens = len(drawn.rows) > focus.position and drawn.row_axis in ("token", "from token")
    return matrix(
        drawn.values,
        rows=drawn.rows,
        columns=drawn.columns,
        key=f"matrix-{key}",
        label=f"{title}: {drawn.row_axis} by {drawn.column_axis}",
        row_axis=drawn.row_axis,
        column_axis=drawn.column_axis,
        kind=drawn.kind,
        cell=cell,
        marked_row=focus.position if has_tokens else None,
        file_name=f"{file_name(focus.layer, focus.head)}-{title.lower().replace(' ', '-')}",
    )
