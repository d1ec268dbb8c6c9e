"""Inside a layer: one sentence followed through the model, stage by stage and number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore import examples, walkthrough
from core.explore.answers import UNSUPPORTED_OUTPUTS
from core.explore.walkthrough.code import code
from core.models.layer_names import file_name, head_name, in_code
from pages.components.arithmetic.arithmetic import arithmetic
from pages.components.matrix.matrix import labelled, matrix
from pages.components.token_strip.token_strip import Span, span, token_strip
from pages.explore.inside_a_layer.stage_badge import badge
from pages.shared.export import csv_button
from pages.shared.models import agreement_of, chosen_model, example, example_pair, traced
from pages.shared.text import errors_shown, isolated, plain
from pages.shared.tokenize_input import tokenize_input
from pages.shared.url_state import choose_head, choose_layer, keep, seed, several, text_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.explore.tokens import Tokens
    from core.explore.trace import Trace
    from core.explore.walkthrough import Focus, Matrix, Operand, Stage, View
    from core.models.loading import Model

PADDING = 2
SIDE_BY_SIDE = 5  # columns of a matrix that stand beside another one on a screen
THIN = 0.1  # the largest share below which nothing stands out


def choose_token(tokens: Tokens, mask: str | None) -> int:
    """Draw the text as a strip; the position chosen by a click, at first the mask or else the first own token.

    The choice belongs to the text: another text starts again.
    """
    own = next((place for place, side in enumerate(tokens.sequence) if side is not None), 0)
    default = tokens.tokens.index(mask) if mask in tokens.tokens else own
    if st.session_state.setdefault("token-of", tokens.tokens) != tokens.tokens:
        st.session_state["token-of"], st.session_state["token"] = tokens.tokens, str(default)
        keep("token", str(default))
    seed("token", str(default))
    held = st.session_state["token"]
    chosen = int(held) if held.isdecimal() and len(held) < 7 and int(held) < len(tokens) else default
    token_strip(
        [_drawn(tokens, place, place == chosen) for place in range(len(tokens))],
        key="token-strip",
        label="Choose a token",
        hint=f"Looking at “{tokens.tokens[chosen]}”, position {chosen}. Click another token to look at that one.",
        on_click=lambda: st.session_state.update(token=str(st.session_state["token-strip"].clicked)),
    )
    keep("token", str(chosen))
    return chosen


def _drawn(tokens: Tokens, place: int, is_chosen: bool) -> Span:
    token = tokens.tokens[place]
    kind = "mask" if is_chosen else "special" if tokens.is_special[place] else "token"
    return span(
        token, kind, group=place, segment=tokens.segments[place], note=f"{token}, position {place}", index=place
    )


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


def offer_neighbours(titles: Mapping[str, str], opened: str) -> None:
    """Buttons for the stage before and the one after."""
    keys = list(titles)
    with st.container(horizontal=True):
        for step, icon in ((-1, ":material/arrow_back:"), (1, ":material/arrow_forward:")):
            place = keys.index(opened) + step
            if 0 <= place < len(keys):
                st.button(titles[keys[place]], key=f"step{step}", icon=icon, on_click=open_stage, args=(keys[place],))


def open_stage(key: str) -> None:
    st.session_state["stages"] = key


def show_attended(t: Trace, focus: Focus) -> None:
    """What the chosen token looks at most, in one sentence."""
    tokens = t.tokens.tokens
    attended = walkthrough.most_attended(t, focus)
    shares = [
        f"“{isolated(tokens[place])}”{f' at {place}' if tokens.count(tokens[place]) > 1 else ''} ({share:.0%})"
        for place, share in attended
    ]
    looks = "looks mostly at" if attended[0][1] >= THIN else "spreads its attention thinly, most of it on"
    st.markdown(
        f"In {head_name(focus.layer, focus.head)} (`{in_code(focus.layer, focus.head)}` in code), "
        f"**“{isolated(tokens[focus.position])}”** {looks} {', '.join(shares)}."
    )


def show_walk(t: Trace, focus: Focus, padding: int) -> None:
    """The row of stages, and those that are open below it."""
    stages = walkthrough.stages(t, focus)
    titles = {stage.key: f"{number} {stage.title}" for number, stage in enumerate(stages, start=1)}
    opened = several("Stages, from left to right", titles, key="stages", default=stages[0].key)
    with st.container(horizontal=True):
        is_all = st.toggle("Open all stages", key="open-all", bind="query-params")
        is_plain = st.toggle("Plain words, no formulas", key="plain-words", bind="query-params")
        with_operands = st.toggle(
            "Show what goes in",
            key="what-goes-in",
            bind="query-params",
            help="Also draws the matrices that each one is computed from, the learned weights among them.",
        )
    for number, stage in enumerate(stages, start=1):
        if is_all or stage.key in opened:
            show_stage(t, focus, number, stage, padding=padding, with_operands=with_operands, is_plain=is_plain)
    if not opened and not is_all:
        st.info("Choose a stage above to open it.")
    if len(opened) == 1 and not is_all:
        offer_neighbours(titles, opened[0])
    if missing := walkthrough.missing_heads(t):
        st.caption(absence(t, missing))


def absence(t: Trace, missing: tuple[str, ...]) -> str:
    """Which heads the model does not have, and where to see them."""
    listed = " or ".join([", ".join(missing[:-1]), missing[-1]] if len(missing) > 1 else missing)
    them = "them" if len(missing) > 1 else "it"
    sentences = [f"This model has no {listed}: nothing to show for {them}."]
    if kind := UNSUPPORTED_OUTPUTS.get(t.model.task):
        sentences.append(f"What it answers with ({kind}) is not shown here.")
    if t.parts.classifier is not None:
        sentences.append(f"The teaching model has {them}.")
    elif len(missing) > 1:  # the classification head comes last
        sentences.append("The teaching model has all but the last.")
    return " ".join(sentences)


st.title("Inside a layer", anchor=False)
st.markdown(
    "Follow one sentence through BERT, from words to numbers to a guess. Click any number to see where it comes from."
)
model: Model = chosen_model()
text = text_line(
    "Text", key="followed", example=example(model, examples.FOLLOWED.text), placeholder="Type a sentence, press Enter"
)
with st.container(horizontal=True):
    with_pair = st.toggle("Add a second text", key="followed-with-pair", bind="query-params")
    with_padding = st.toggle(
        "Add padding",
        key="with-padding",
        bind="query-params",
        disabled=model.tokenizer.pad_token is None,
        help=f"Adds {PADDING} positions of padding, to show what the mask does.",
    )
padding = PADDING if with_padding and model.tokenizer.pad_token else 0
pair = (
    text_line("Second text", key="followed-pair", example=example_pair(model, examples.FOLLOWED.pair))
    if with_pair
    else None
)
with errors_shown():
    tokens = tokenize_input(model, text, pair)
    position = choose_token(tokens, model.tokenizer.mask_token)
    t = traced(model, tokens, padding=padding)
    left, right = st.columns([1, 2])
    with left:
        layer = choose_layer(t.layers)
    with right:
        head = choose_head(t.heads)
    focus = walkthrough.Focus(layer, head, position)
    show_attended(t, focus)
    show_walk(t, focus, padding)
