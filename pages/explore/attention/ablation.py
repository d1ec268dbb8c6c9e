"""The view of the Attention page that switches heads off, and shows what the model then answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core.charts.attention import head_map
from core.charts.bars import horizontal_bars
from core.errors import counted
from core.explore.answers import UNSUPPORTED_OUTPUTS
from core.explore.attention.ablation import ablate_each_head, ablate_heads
from core.explore.attention.answer_names import changes
from core.models.layer_names import head_columns, head_name, in_code, short_head_name
from pages.components.head_grid.head_grid import head_grid
from pages.explore.attention.choices import opening_head
from pages.shared.export import csv_button, figure
from pages.shared.models import thumbnails_of
from pages.shared.on_demand import last_of, on_demand
from pages.shared.text import plain
from pages.shared.url_state import several

if TYPE_CHECKING:
    from core.explore.attention.ablation import HeadEffects, Outcome
    from core.explore.trace import Trace

MOST_PLACES = 6
RANKED = 15
DOT = "·"
HEADS_OFF, GRID = "heads-off", "off-grid"  # keys of the session's state; the first one stands in the address, too


def show_switching_off(t: Trace) -> None:
    """Choose heads, see before and after, and try each head alone."""
    st.markdown(
        "Switch heads off and see whether the model misses them. A head that is off passes nothing on; all else stays."
    )
    heads = choose_heads(t)
    with st.expander("Choose by their pictures", icon=":material/grid_view:"):
        head_grid(
            thumbnails_of(t.model, t.tokens),
            key=GRID,
            chosen=heads,
            on_open=toggle_clicked,
            label="Click a head to switch it off or on; those off have a frame. Layers down, heads across",
        )
    if heads:
        show_outcome(t, ablate_heads(t.model, t.tokens, heads))
    else:
        st.info("All heads are on. Choose one above to switch it off.")
    show_sweep(t)


def choose_heads(t: Trace) -> list[tuple[int, int]]:
    """Heads written as layer·head: on screen counted from 1, in the address as in code, with commas."""
    names = {
        f"{layer}{DOT}{head}": short_head_name(layer, head) for layer in range(t.layers) for head in range(t.heads)
    }
    widget = partial(st.multiselect, placeholder="Choose heads")
    chosen = several(
        "Heads that are off, as layer·head",
        names,
        key=HEADS_OFF,
        default=DOT.join(map(str, opening_head(t))),
        widget=widget,
    )
    return [tuple(map(int, each.split(DOT))) for each in chosen]


def toggle_clicked() -> None:
    """A head's picture was clicked."""
    if opened := st.session_state[GRID].opened:
        name = DOT.join(map(str, opened))
        before = [each for each in st.session_state[HEADS_OFF].split(",") if each]
        after = [each for each in before if each != name] if name in before else [*before, name]
        st.session_state[HEADS_OFF] = ",".join(after)


def show_outcome(t: Trace, outcome: Outcome) -> None:
    """What the model answers with all heads, and without some."""
    if outcome.before is None:
        st.info(no_answer(t))
    else:
        for place in range(min(len(outcome.before), MOST_PLACES)):
            show_place(t, outcome, place)
        if len(outcome.before) > MOST_PLACES:
            st.caption(f"The first {MOST_PLACES} of {len(outcome.before)} masks are drawn.")
    st.markdown(
        f"The vector of the whole text (the mean of its last hidden states) keeps a cosine of **{outcome.cosine:.4f}** "
        "with itself; 1 would be no change."
    )


def show_place(t: Trace, outcome: Outcome, place: int) -> None:
    """Two bar charts, and in words whether the answer stays."""
    found = changes(t.model, outcome, place)
    where = f"Mask {place + 1}" if len(outcome.before) > 1 else "The mask" if outcome.positions else "The class"
    first, now = found[0], max(found, key=lambda each: each.after)
    moved = (
        f"stays **{plain(first.name)}**"
        if now.name == first.name
        else f"turns from **{plain(first.name)}** to **{plain(now.name)}**"
    )
    st.markdown(
        f"{where} {moved}: {first.before:.1%} before, {first.after:.1%} after. "
        f"All answers together moved by {outcome.kl_divergence[place]:.4f} nats (KL divergence: 0 is no change at all)."
    )
    names = [each.name for each in found]
    left, right = st.columns(2)
    with left:
        chart = horizontal_bars(names, [each.before for each in found], title="With all heads", percent=True)
        figure(chart, key=f"before-{place}", alt=f"{where} with all heads: {first.name} {first.before:.1%}")
    with right:
        words = "Without " + counted(len(outcome.heads), "head")
        chart = horizontal_bars(names, [each.after for each in found], title=words, percent=True)
        figure(chart, key=f"after-{place}", alt=f"{where} {words.lower()}: {now.name} {now.after:.1%}")
    table = pd.DataFrame(
        [(each.name, each.before, each.after) for each in found], columns=["answer", "before", "after"]
    )
    csv_button("Answers as CSV", table, f"without-heads-{place}")


def no_answer(t: Trace) -> str:
    """Why there is no answer to compare, in words."""
    if t.model.task == "masked-lm":
        return (
            "The text holds no [MASK], so there is no answer to compare, only the vector of the text. "
            "Write [MASK] for a word."
        )
    if t.model.task == "sequence-classification":
        return "This model's answers do not compete as probabilities, so the vector of the text is compared instead."
    if kind := UNSUPPORTED_OUTPUTS.get(t.model.task):
        return f"This model answers with {kind}, which are not followed here, so the vector of the text is compared."
    return "This model gives no answers, so the vector of the text is compared instead."


def show_sweep(t: Trace) -> None:
    """Which head matters most for this text, each tried alone."""
    st.subheader("Which head matters most here?", anchor=False)
    total = counted(t.layers * t.heads, "head")
    found: HeadEffects | None = on_demand(
        "swept",
        ("sweep", t.model.fingerprint, t.tokens),
        lambda progress: last_of(ablate_each_head(t.model, t.tokens), lambda each: each.total, progress),
        button="Try every head alone",
        icon=":material/toggle_off:",
        words=f"Switches off each of the {total} in turn and measures how much the answer moves.",
        doing="Switching off heads:",
    )
    if found is None:
        return
    has_answer = found.kl_divergence is not None
    values = found.kl_divergence if has_answer else found.cosine_distance
    title = "How far the answer moves, in nats" if has_answer else "How far the text's vector turns, 1 − cosine"
    ranking = found.ranking()
    layer, head, effect = ranking[0]
    st.markdown(
        f"The answer depends most on **{head_name(layer, head)}** (`{in_code(layer, head)}` in code; {effect:.3g}). "
        "Each head is tried alone; together they may cover for one another."
    )
    figure(
        head_map(values, title=title, digits=3),
        key="sweep-map",
        alt=f"{title}, by layer and head; strongest {head_name(layer, head)}: {effect:.3g}",
    )
    table = effects_table(found)
    st.dataframe(table.head(RANKED), hide_index=True, height="content", alt="The heads with the largest effect")
    if len(table) > RANKED:
        st.caption(f"The {RANKED} strongest of {len(table)}; all are in the CSV.")
    csv_button("All heads as CSV", table, "heads-by-effect")


def effects_table(found: HeadEffects) -> pd.DataFrame:
    """One row a head, strongest first."""
    rows = [(layer, head) for layer, head, _ in found.ranking()]
    columns = {
        "KL divergence": found.kl_divergence,
        "change of the best answer": None if found.drop is None else -found.drop,
        "1 − cosine": found.cosine_distance,
    }
    places = tuple(np.array(rows).T)
    measured = {name: values[places] for name, values in columns.items() if values is not None}
    return pd.DataFrame(head_columns(*places) | measured)
