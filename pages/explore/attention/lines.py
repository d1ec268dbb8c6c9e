"""The Lines view of the Attention page: one layer's heads as lines between tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from core.data.csv_safety import escape_formula
from core.errors import counted
from core.explore.attention.selection import link_table, select
from core.explore.attention.weights import NORM_WEIGHTED, attention_weights
from core.models.layer_names import head_columns, number
from pages.components.attention_view.attention_view import AttentionState, Token, attention_view
from pages.explore.attention.choices import (
    HEADS,
    choose_kind,
    choose_layout,
    choose_selection,
    explain_selection,
    opening_head,
    what_a_head_does,
)
from pages.shared.export import csv_button
from pages.shared.text import digest
from pages.shared.url_state import choose_layer, keep, seed, several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.explore.attention.selection import Selected, Unit
    from core.explore.trace import Trace

THRESHOLD = 0.1
# Keys of the session's state, beside HEADS; the first two stand in the address, too
PINNED, LEAST, LINES_OF = "pinned", "threshold", "lines-of"
OPENED = (
    "Opened with this head because it looks most clearly at other words: a token's largest share on another one, on "
    "average over the text; [CLS], [SEP] and the token itself do not count. Switch on others below."
)
NONE, ALL = "none", "all"  # of the heads, in an address


def show_lines(t: Trace) -> None:
    """The lines, and all their weights as CSV."""
    tokens = t.tokens
    layer = choose_layer(t.layers)
    with st.popover("More layers", icon=":material/layers:"):
        st.markdown("Draws other layers over the same tokens; a head's colour is that of its number.")
        others = {str(index): number(index) for index in range(t.layers) if index != layer}
        layers = sorted({layer, *map(int, several("Layers drawn as well", others, key="more-layers", default=""))})
    selection = choose_selection(tokens)
    with st.container(horizontal=True):
        kind = choose_kind()
        layout = choose_layout()
    by_layer = {
        each: select(attention_weights(t, each, kind=kind, row_normalised=kind == NORM_WEIGHTED), tokens, selection)
        for each in layers
    }
    shown = by_layer[layer]
    if not shown.queries or not shown.keys:
        st.info("Nothing is left to show: every token is hidden.")
        return
    units = tuple((unit.label, unit.positions) for unit in shown.queries), tuple(unit.label for unit in shown.keys)
    key = f"lines-{t.heads}-{digest(units, selection.parts)}"
    state = chosen_state(key, t.heads, len(shown.queries))
    drawn = f"{'layer' if len(layers) == 1 else 'layers'} {', '.join(map(number, layers))}"
    name = f"attention-layer-{'-'.join(map(number, layers))}"
    said = st.container(gap=None)  # filled below, when it is known which heads are on
    state = attention_view(
        {each: selected.values.numpy() for each, selected in by_layer.items()},
        queries=[as_token(unit) for unit in shown.queries],
        keys=[as_token(unit) for unit in shown.keys],
        key=key,
        label=f"Attention of each token to all others, {drawn}",
        heads=state.heads,
        pinned=state.pinned,
        threshold=state.threshold,
        layout=layout,
        file_name=name,
    )
    remember(state, t.heads)
    if len(state.heads) == len(layers) == 1:
        said.markdown(what_a_head_does(t, layer, state.heads[0]))
        if (layer, state.heads[0]) == opening_head(t):
            said.caption(OPENED)
    st.caption(
        "Left (or above) the token that looks, opposite what it looks at. Point at a token for its numbers, click to "
        "pin it; click more to compare them. Each colour is a head: click to switch it, double-click for it alone."
    )
    explain_selection(selection)
    if len(layers) > 1:
        st.caption(f"Drawn together: {drawn}.")
    which = "this head" if len(state.heads) == 1 else counted(len(state.heads), "head")
    csv_button(
        f"All links of {which}{f' in {len(layers)} layers' if len(layers) > 1 else ''} as CSV",
        lambda: links_as_csv(by_layer, state.heads),
        name,
    )


def chosen_state(
    key: str, heads: int, queries: int, *, prefix: str = "", threshold: float = THRESHOLD
) -> AttentionState:
    """What the address or the last run says; pins are forgotten when other tokens are drawn.

    `prefix` stands before the names in the address; `threshold` is the usual one.
    """
    heads_key, pins, least, of = (prefix + name for name in (HEADS, PINNED, LEAST, LINES_OF))
    if st.session_state.setdefault(of, key) != key:
        st.session_state[of], st.session_state[pins] = key, ""
        keep(pins, "")
    everything = tuple(range(heads))
    seed(heads_key, ALL)
    seed(pins, "")
    seed(least, str(threshold))
    written = st.session_state[heads_key]
    on = () if written == NONE else tuple(sorted({*_numbers(written, heads)})) or everything
    pinned = tuple(dict.fromkeys(_numbers(st.session_state[pins], queries)))
    return AttentionState(on, pinned, _threshold(st.session_state[least], threshold))


def remember(state: AttentionState, heads: int, *, prefix: str = "", threshold: float = THRESHOLD) -> None:
    """Write what is chosen into the address: no pin and the usual threshold go without saying."""
    is_all = len(state.heads) == heads
    values = {
        HEADS: ALL if is_all else ",".join(map(str, state.heads)) or NONE,
        PINNED: ",".join(map(str, state.pinned)),
        LEAST: str(state.threshold),
    }
    for name, value in values.items():
        st.session_state[f"{prefix}{name}"] = value
        keep(f"{prefix}{name}", value if value != str(threshold) else "")


def links_as_csv(by_layer: Mapping[int, Selected], heads: tuple[int, ...]) -> bytes:
    """Every weight of the heads in each layer, exact.

    Labels are escaped here: a long text has millions of rows, but few labels.
    """
    tables = []
    for layer, shown in by_layer.items():
        queries, keys = (
            tuple(replace(unit, label=escape_formula(unit.label)) for unit in units)
            for units in (shown.queries, shown.keys)
        )
        chosen = replace(shown, queries=queries, keys=keys, values=shown.values[list(heads)])
        table = pd.DataFrame(link_table(chosen, heads=heads))
        named = pd.DataFrame(head_columns(layer, table.pop("head").to_numpy()))
        tables.append(pd.concat([named, table], axis=1))
    return pd.concat(tables).to_csv(index=False).encode("utf-8", "replace")


def as_token(unit: Unit) -> Token:
    """A unit as the picture shows it."""
    return Token(unit.label, "special" if unit.is_special else "token", unit.sequence)


def _numbers(written: str, count: int) -> list[int]:
    """The numbers below `count` in a list with commas; anything else is passed over."""
    there = {str(number): number for number in range(count)}
    return [there[each] for each in written.split(",") if each in there]


def _threshold(written: str, usual: float) -> float:
    try:
        value = float(written)
    except ValueError:
        return usual
    return value if 0 <= value <= 1 else usual
