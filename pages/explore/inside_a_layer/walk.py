"""The walk through the stages: what the chosen token looks at, the row of stages, and those that are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.explore import walkthrough
from core.explore.answers import UNSUPPORTED_OUTPUTS
from core.models.layer_names import head_name, in_code
from pages.explore.inside_a_layer.stage import show_stage
from pages.shared.text import isolated
from pages.shared.url_state import several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.explore.trace import Trace
    from core.explore.walkthrough import Focus


STAGES = "stages"  # key of the session's state: which stages are open
THIN = 0.1  # the largest share below which nothing stands out


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
    opened = several("Stages, from left to right", titles, key=STAGES, default=stages[0].key)
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


def offer_neighbours(titles: Mapping[str, str], opened: str) -> None:
    """Buttons for the stage before and the one after."""
    keys = list(titles)
    with st.container(horizontal=True):
        for step, icon in ((-1, ":material/arrow_back:"), (1, ":material/arrow_forward:")):
            place = keys.index(opened) + step
            if 0 <= place < len(keys):
                st.button(titles[keys[place]], key=f"step{step}", icon=icon, on_click=open_stage, args=(keys[place],))


def open_stage(key: str) -> None:
    st.session_state[STAGES] = key


def absence(t: Trace, missing: tuple[str, ...]) -> str:
    """Which heads the model does not have, and where to see them."""
    listed = " or ".join([", ".join(missing[:-1]), missing[-1]] if len(missing) > 1 else missing)
    them = "them" if len(missing) > 1 else "it"
    sentences = [f"This model has no {listed}: nothing to show for {them}."]
    if kind := UNSUPPORTED_OUTPUTS.get(t.model.task):
        sentences.append(f"What it answers with ({kind}) is not followed here.")
    if t.parts.classifier is not None:
        sentences.append(f"The teaching model has {them}.")
    elif len(missing) > 1:  # the classification head comes last
        sentences.append("The teaching model has all but the last.")
    return " ".join(sentences)
